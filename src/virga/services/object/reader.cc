#include "virga/services/object/reader.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "virga/base/problems.h"
#include "virga/services/object/block_sums.h"

namespace virga::services::object {
namespace {

constexpr std::uint64_t kPiece = 256 << 10;

}  // namespace

Reader::Reader(io::Loop& loop, io::Workers& workers, const Files& files, std::vector<Piece> pieces,
               std::shared_ptr<void> hold, metrics::Counter& read)
    : loop_(loop), workers_(workers), files_(files), read_(read), pieces_(std::move(pieces)), hold_(std::move(hold)) {
  for (const auto& piece : pieces_) size_ += piece.size;
}

// What is read at once: whole blocks around the bytes that are wanted, and their sums.
struct Reader::Extent {
  std::uint64_t begin = 0;  // of the first block
  std::uint64_t size = 0;   // of the blocks
  std::uint64_t skip = 0;   // bytes of the first block before those that are wanted
  std::uint64_t wanted = 0;
  std::uint64_t sums_begin = 0;
  std::uint64_t sums_size = 0;
};

Reader::Extent Reader::next_extent() const {
  const auto& piece = pieces_[at_];
  auto from = piece.offset + done_;
  Extent extent;
  extent.begin = from / kBlock * kBlock;
  extent.skip = from - extent.begin;
  extent.wanted = std::min(piece.size - done_, kPiece - extent.skip);
  auto blocks = count_blocks(extent.skip + extent.wanted);
  extent.size = std::min(blocks * kBlock, piece.whole - extent.begin);
  extent.sums_begin = piece.whole + extent.begin / kBlock * kSumSize;
  extent.sums_size = blocks * kSumSize;
  return extent;
}

Error Reader::damaged(std::string_view how) const {
  return problem_error(problem::kObjectDamaged, "the file " + files_.path(pieces_[at_].file) + " of an object " +
                                                    std::string(how) +
                                                    "; restore it from a backup or put the object again");
}

Result<std::string> Reader::checked(std::string bytes, const Extent& extent, std::string_view sums) const {
  auto bad = find_damage(bytes, sums);
  if (bad != kAllGood) {
    return fail(damaged("is damaged at byte " + std::to_string(extent.begin + bad * kBlock) + " or in the " +
                        std::to_string(kBlock) + " behind it"));
  }
  bytes.resize(static_cast<std::size_t>(extent.skip + extent.wanted));
  if (extent.skip > 0) bytes.erase(0, static_cast<std::size_t>(extent.skip));
  return bytes;
}

io::Task<Result<std::string>> Reader::next() {
  while (at_ < pieces_.size() && done_ == pieces_[at_].size) {
    ++at_;
    done_ = 0;
    file_.reset();
  }
  if (at_ == pieces_.size()) co_return std::string();
  VIRGA_CO_TRY_ASSIGN(auto cached, read_cached());
  if (!cached.empty()) {
    note(cached);
    co_return cached;
  }
  std::function<Result<std::string>()> read = [this] { return read_some(); };
  auto bytes = co_await workers_.run(loop_, std::move(read));
  if (bytes) note(*bytes);
  co_return bytes;
}

void Reader::note(std::string_view bytes) {
  done_ += bytes.size();
  read_.add(bytes.size());
}

Result<std::string> Reader::read_cached() {
  const auto& piece = pieces_[at_];
  if (file_ == nullptr) file_ = files_.open_now(piece.file);
  if (file_ == nullptr) return std::string();
  auto extent = next_extent();
  std::string sums;
  auto read = [this](std::string& bytes, std::uint64_t begin, std::uint64_t count) {
    bytes.resize_and_overwrite(static_cast<std::size_t>(count), [&](char* place, std::size_t size) {
      iovec part{place, size};
      auto done = ::preadv2(file_->get(), &part, 1, static_cast<off_t>(begin), RWF_NOWAIT);
      return static_cast<std::size_t>(std::max<ssize_t>(done, 0));
    });
    return bytes.size() == count;
  };
  std::string bytes;
  // The sums of a file that fits into one piece lie behind its bytes.
  bool is_all = extent.begin == 0 && extent.size == piece.whole;
  if (!read(bytes, extent.begin, extent.size + (is_all ? extent.sums_size : 0))) return std::string();
  if (is_all) {
    sums = bytes.substr(static_cast<std::size_t>(extent.size));
    bytes.resize(static_cast<std::size_t>(extent.size));
  } else if (!read(sums, extent.sums_begin, extent.sums_size)) {
    return std::string();
  }
  return checked(std::move(bytes), extent, sums);
}

Result<std::string> Reader::read_some() {
  const auto& piece = pieces_[at_];
  if (file_ == nullptr) {
    auto opened = files_.open_file(piece.file);
    if (!opened && opened.error().code() == ErrorCode::NotFound) return fail(damaged("is not there"));
    if (!opened) return fail(std::move(opened).error());
    if (piece.size > kPiece) (void)::posix_fadvise(opened->get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    file_ = std::make_shared<const os::Descriptor>(std::move(*opened));
  }
  auto extent = next_extent();
  std::string bytes;
  std::string sums;
  VIRGA_TRY(read_fully(bytes, extent.begin, extent.size));
  VIRGA_TRY(read_fully(sums, extent.sums_begin, extent.sums_size));
  return checked(std::move(bytes), extent, sums);
}

Result<> Reader::read_fully(std::string& bytes, std::uint64_t begin, std::uint64_t count) {
  bytes.resize(static_cast<std::size_t>(count));
  std::uint64_t done = 0;
  while (done < count) {
    auto read = ::pread(file_->get(), bytes.data() + done, static_cast<std::size_t>(count - done),
                        static_cast<off_t>(begin + done));
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) return fail(disk_error("read", pieces_[at_].file));
    if (read == 0) return fail(damaged("is shorter than it was"));
    done += static_cast<std::uint64_t>(read);
  }
  return {};
}

std::vector<Piece> slice(const std::vector<Piece>& pieces, std::uint64_t offset, std::uint64_t size) {
  std::vector<Piece> out;
  for (const auto& piece : pieces) {
    if (size == 0) break;
    if (offset >= piece.size) {
      offset -= piece.size;
      continue;
    }
    auto count = std::min(piece.size - offset, size);
    out.push_back({piece.file, piece.offset + offset, count, piece.whole});
    size -= count;
    offset = 0;
  }
  return out;
}

}  // namespace virga::services::object
