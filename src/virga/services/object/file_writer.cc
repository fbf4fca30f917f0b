#include "virga/services/object/file_writer.h"

#include <algorithm>

#include "virga/os/file.h"
#include "virga/services/object/block_sums.h"

namespace virga::services::object {
namespace {

constexpr std::size_t kPiece = 512 << 10;

}  // namespace

std::string_view StoredFile::digest(ChecksumAlgorithm algorithm) const {
  if (algorithm == ChecksumAlgorithm::Md5) return md5;
  auto found = std::ranges::find(algorithms, algorithm);
  return found == algorithms.end() ? std::string_view() : digests[static_cast<std::size_t>(found - algorithms.begin())];
}

// What workers touch, one at a time.
struct FileWriter::Work {
  Work(Files& f, const std::vector<ChecksumAlgorithm>& algorithms) : files(f), md5(ChecksumAlgorithm::Md5) {
    for (auto algorithm : algorithms) {
      if (algorithm != ChecksumAlgorithm::None && algorithm != ChecksumAlgorithm::Md5) digests.emplace_back(algorithm);
    }
  }

  Result<> open() {
    if (name == Files::Name::Synced) file = files.reuse(id);
    if (file.valid()) return {};
    name = Files::Name::New;
    id = files.make_id();
    VIRGA_TRY_ASSIGN(file, files.create(id));
    return {};
  }
  Result<> write(std::string_view bytes) {
    compute(bytes);
    return append(bytes);
  }
  void compute(std::string_view bytes) {
    md5.update(bytes);
    for (auto& one : digests) one.update(bytes);
    sums.update(bytes);
  }
  Result<> append(std::string_view bytes) {
    if (!file.valid()) VIRGA_TRY(open());
    if (!os::write_all(file, bytes)) return fail(disk_error("write", id));
    length += bytes.size();
    return {};
  }
  Result<StoredFile> finish(std::string& last, std::uint64_t size) {
    compute(last);
    // The sums go with the last bytes, in one write.
    if (size > 0) last += sums.finish();
    if (!last.empty()) VIRGA_TRY(append(last));
    StoredFile stored;
    stored.size = size;
    stored.md5 = md5.finish();
    for (auto& one : digests) {
      stored.algorithms.push_back(one.algorithm());
      stored.digests.push_back(one.finish());
    }
    if (!file.valid()) return stored;
    VIRGA_TRY(files.sync(file, id, length, name));
    file.reset();
    stored.id = id;
    return stored;
  }
  void give_up() {
    if (!file.valid()) return;
    file.reset();
    (void)files.remove(id);  // else a start does
  }

  Files files;     // a copy: it may be cleaned up after the end of the service
  std::string id;  // "": not chosen
  Files::Name name = Files::Name::New;
  os::Descriptor file;
  std::uint64_t length = 0;  // what was written to it
  Digest md5;
  std::vector<Digest> digests;
  BlockSums sums;
};

FileWriter::FileWriter(io::Loop& loop, io::Workers& workers, Files& files, internal::SpareFiles& spare,
                       const std::vector<ChecksumAlgorithm>& algorithms, metrics::Counter& written)
    : loop_(loop),
      workers_(workers),
      spare_(spare),
      written_(written),
      work_(std::make_shared<Work>(files, algorithms)) {}

FileWriter::~FileWriter() {
  if (work_->file.valid()) {
    workers_.submit([work = work_] { work->give_up(); });
  }
}

io::Task<Result<>> FileWriter::write(std::string_view bytes) {
  size_ += bytes.size();
  written_.add(bytes.size());
  while (!bytes.empty()) {
    auto count = std::min(bytes.size(), kPiece - buffer_.size());
    buffer_.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    if (buffer_.size() == kPiece) VIRGA_CO_TRY(co_await flush());
  }
  co_return Result<>();
}

void FileWriter::choose_file() {
  if (!work_->id.empty() || buffer_.empty()) return;
  work_->id = spare_.take();
  if (!work_->id.empty()) work_->name = Files::Name::Synced;
}

io::Task<Result<>> FileWriter::flush() {
  choose_file();
  std::function<Result<>()> write = [this] { return work_->write(buffer_); };
  auto written = co_await workers_.run(loop_, std::move(write));
  buffer_.clear();
  co_return written;
}

io::Task<Result<StoredFile>> FileWriter::finish() {
  choose_file();
  std::function<Result<StoredFile>()> finish = [this] { return work_->finish(buffer_, size_); };
  auto stored = co_await workers_.run(loop_, std::move(finish));
  co_return stored;
}

}  // namespace virga::services::object
