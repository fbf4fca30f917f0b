#include "virga/store/internal/synced_mark.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include "virga/base/crc32c.h"
#include "virga/os/errno.h"
#include "virga/os/file.h"

namespace virga::store::internal {

namespace {

constexpr std::array<off_t, 2> kPlaces = {0, 4096};
constexpr std::size_t kDigits = 16;
constexpr std::size_t kSize = kDigits + 1 + 8 + 1;

std::string encode(std::uint64_t sequence) {
  auto digits = fmt::format("{:016x}", sequence);
  return fmt::format("{} {:08x}\n", digits, crc32c(digits));
}

std::optional<std::uint64_t> decode(std::string_view bytes) {
  std::uint64_t sequence = 0;
  auto digits = bytes.substr(0, kDigits);
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), sequence, 16);
  if (error != std::errc() || bytes != encode(sequence)) return std::nullopt;
  return sequence;
}

}  // namespace

Result<SyncedMark> SyncedMark::open(const std::string& path) {
  std::error_code error;
  bool is_new = !std::filesystem::exists(path, error);
  os::Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return os::fail_errno("open", path);
  if (is_new) VIRGA_TRY(os::sync_directory(std::filesystem::path(path).parent_path().string()));
  SyncedMark mark(std::move(file), path);
  for (std::size_t i = 0; i < kPlaces.size(); ++i) {
    std::array<char, kSize> bytes{};
    ssize_t count = ::pread(mark.file_.get(), bytes.data(), bytes.size(), kPlaces[i]);
    if (count < 0) return os::fail_errno("read", path);
    auto found = decode({bytes.data(), static_cast<std::size_t>(count)});
    if (!found || (mark.sequence_ && *mark.sequence_ >= *found)) continue;
    mark.sequence_ = found;
    mark.next_ = i == 0 ? 1 : 0;
  }
  return mark;
}

Result<> SyncedMark::write(std::uint64_t sequence) {
  if (sequence_ && *sequence_ >= sequence) return {};
  auto bytes = encode(sequence);
  auto place = kPlaces[static_cast<std::size_t>(next_)];
  std::size_t done = 0;
  while (done < bytes.size()) {
    auto count = ::pwrite(file_.get(), bytes.data() + done, bytes.size() - done, place + static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return os::fail_errno("write", path_);
    done += static_cast<std::size_t>(count);
  }
  if (::fdatasync(file_.get()) != 0) return os::fail_errno("fsync", path_);
  sequence_ = sequence;
  next_ = 1 - next_;
  return {};
}

}  // namespace virga::store::internal
