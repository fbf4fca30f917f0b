#include "virga/services/object/reader.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace virga::services::object {
namespace {

constexpr std::uint64_t kPiece = 256 << 10;

}  // namespace

Reader::Reader(io::Loop& loop, io::Workers& workers, const Files& files, std::vector<Piece> pieces,
               std::shared_ptr<void> hold)
    : loop_(loop), workers_(workers), files_(files), pieces_(std::move(pieces)), hold_(std::move(hold)) {
  for (const auto& piece : pieces_) size_ += piece.size;
}

io::Task<Result<std::string>> Reader::next() {
  while (at_ < pieces_.size() && done_ == pieces_[at_].size) {
    ++at_;
    done_ = 0;
    file_.reset();
  }
  if (at_ == pieces_.size()) co_return std::string();
  if (auto cached = read_cached(); !cached.empty()) {
    done_ += cached.size();
    co_return cached;
  }
  std::function<Result<std::string>()> read = [this] { return read_some(); };
  auto bytes = co_await workers_.run(loop_, std::move(read));
  if (bytes) done_ += bytes->size();
  co_return bytes;
}

std::string Reader::read_cached() {
  const auto& piece = pieces_[at_];
  if (!file_.valid()) {
    struct open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC;
    how.resolve = RESOLVE_CACHED;
    auto path = files_.path(piece.file);
    file_ = os::Descriptor(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof(how))));
    if (!file_.valid()) return {};
  }
  auto wanted = static_cast<std::size_t>(std::min(piece.size - done_, kPiece));
  std::string bytes;
  bytes.resize_and_overwrite(wanted, [&](char* place, std::size_t size) {
    iovec part{place, size};
    auto count = ::preadv2(file_.get(), &part, 1, static_cast<off_t>(piece.offset + done_), RWF_NOWAIT);
    return static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  });
  return bytes;
}

Result<std::string> Reader::read_some() {
  const auto& piece = pieces_[at_];
  if (!file_.valid()) {
    VIRGA_TRY_ASSIGN(file_, files_.open_file(piece.file));
    if (piece.size > kPiece) (void)::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  }
  auto wanted = static_cast<std::size_t>(std::min(piece.size - done_, kPiece));
  ssize_t count = 0;
  int failure = 0;
  std::string bytes;
  bytes.resize_and_overwrite(wanted, [&](char* place, std::size_t size) {
    do {
      count = ::pread(file_.get(), place, size, static_cast<off_t>(piece.offset + done_));
    } while (count < 0 && errno == EINTR);
    failure = errno;
    return static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  });
  if (count < 0) {
    errno = failure;
    return fail(disk_error("read", piece.file));
  }
  if (count == 0) {
    return fail(ErrorCode::DataLoss, "the file " + files_.path(piece.file) + " of an object is shorter than it was");
  }
  return bytes;
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
    out.push_back({piece.file, piece.offset + offset, count});
    size -= count;
    offset = 0;
  }
  return out;
}

}  // namespace virga::services::object
