#include "virga/sandbox/spawn/disks.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

#include "virga/os/errno.h"
#include "virga/os/socket.h"

namespace virga::sandbox::spawn {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::size_t kMostMaking = 8;  // children at a time: making is mostly waiting for the kernel
constexpr std::size_t kMostEnding = 4;
constexpr std::size_t kMostEndingAtTheEnd = 32;  // when nobody waits for anything else
constexpr std::size_t kEndedByOneChild = 8;
constexpr std::size_t kMostSizes = 8;
constexpr seconds kPause{30};                // after a failure, before it is tried again
constexpr minutes kInUse{1};                 // a size asked for within this time is kept ahead
constexpr minutes kForgotten{10};            // one not asked for within this time is given up
constexpr std::uint64_t kSpare = 64u << 20;  // what has to stay free on the host's disk

// What a child says in the end; a mount comes along, and a form if it made one.
struct DiskReport {
  pid_t pid = -1;
  std::int32_t failed = 0;
  std::uint64_t bytes = 0;
  char text[400] = {};
};

// In a child: these become descriptors 3, 4, ...; whatever else the helper had open is closed, so that a child which
// the kernel holds up holds up nobody else.
void keep_only(std::span<const int> descriptors) {
  std::vector<int> copies;
  copies.reserve(descriptors.size());
  for (int descriptor : descriptors) copies.push_back(::fcntl(descriptor, F_DUPFD_CLOEXEC, 64));
  for (std::size_t i = 0; i < copies.size(); ++i) {
    if (copies[i] < 0 || ::dup3(copies[i], static_cast<int>(3 + i), O_CLOEXEC) < 0) ::_exit(1);
  }
  ::close_range(static_cast<unsigned>(3 + copies.size()), ~0u, 0);
}

[[noreturn]] void run_maker(std::uint64_t bytes, int reporter, int folder, int form) {
  std::vector<int> kept = {reporter, folder};
  if (form >= 0) kept.push_back(form);
  keep_only(kept);
  os::Descriptor socket(3);
  DiskReport report{.pid = ::getpid(), .bytes = bytes};
  std::vector<int> passed;
  auto made = make_disk(os::Descriptor(4), bytes, os::Descriptor(form >= 0 ? 5 : -1));
  if (made) {
    passed.push_back(made->mount.get());
    if (made->form.valid()) passed.push_back(made->form.get());
  } else {
    report.failed = 1;
    std::strncpy(report.text, made.error().message().c_str(), sizeof(report.text) - 1);
  }
  (void)os::send_message(socket, std::string_view(reinterpret_cast<const char*>(&report), sizeof(report)), passed);
  ::_exit(0);
}

[[noreturn]] void run_ender(std::vector<int> mounts, int gate) {
  mounts.push_back(gate);
  keep_only(mounts);
  std::size_t count = mounts.size() - 1;
  // The helper closes its own first, so that unmounting falls to this process.
  char byte = 0;
  (void)!::read(static_cast<int>(3 + count), &byte, 1);
  for (std::size_t i = 0; i < count; ++i) end_disk(os::Descriptor(static_cast<int>(3 + i)));
  ::_exit(0);
}

}  // namespace

Result<Disks> Disks::open(os::Descriptor folder, std::string path, std::uint32_t ahead) {
  VIRGA_TRY(probe_disks());
  if (!folder.valid()) return os::fail_errno("open", path);
  VIRGA_TRY_ASSIGN(auto sockets, os::socket_pair(SOCK_SEQPACKET));
  VIRGA_TRY(os::set_nonblocking(sockets.first));
  return Disks(std::move(folder), std::move(path), std::move(sockets.first), std::move(sockets.second), ahead);
}

Disks::Disks(os::Descriptor folder, std::string path, os::Descriptor reports, os::Descriptor reporter,
             std::uint32_t ahead)
    : folder_(std::move(folder)),
      path_(std::move(path)),
      reports_(std::move(reports)),
      reporter_(std::move(reporter)),
      ahead_(ahead),
      most_ending_(kMostEnding) {
  (void)size(kUsualBytes);
}

Disks::Size& Disks::size(std::uint64_t bytes) {
  auto found = std::find_if(sizes_.begin(), sizes_.end(), [&](const Size& one) { return one.bytes == bytes; });
  if (found != sizes_.end()) return *found;
  if (sizes_.size() >= kMostSizes) {
    // Never the usual one, which is the first.
    auto oldest = std::min_element(sizes_.begin() + 1, sizes_.end(),
                                   [](const Size& a, const Size& b) { return a.last_asked < b.last_asked; });
    std::move(oldest->ready.begin(), oldest->ready.end(), std::back_inserter(to_end_));
    sizes_.erase(oldest);
  }
  Size& added = sizes_.emplace_back();
  added.bytes = bytes;
  return added;
}

std::optional<std::string> Disks::shortage(std::uint64_t bytes) const {
  struct statvfs status{};
  if (::fstatvfs(folder_.get(), &status) != 0) return std::nullopt;
  std::uint64_t free = std::uint64_t(status.f_bavail) * status.f_frsize;
  if (free >= bytes + kSpare) return std::nullopt;
  return path_ + " has " + std::to_string(free >> 20) + " MB free, and " + std::to_string(bytes >> 20) +
         " MB were asked for";
}

Disks::Stock Disks::ask(std::uint64_t bytes, std::size_t wanted) {
  Size& asked = size(bytes);
  asked.last_asked = Clock::now();
  // Asked again and again while many wait: cheap as long as nothing can change.
  if (asked.ready.empty() && asked.making > 0 && asked.making >= std::min(wanted, kMostMaking)) return Stock::Coming;
  if (auto why = shortage(bytes)) {
    failed(asked, std::move(*why));
    return Stock::None;
  }
  if (!asked.ready.empty()) return Stock::Ready;
  if (asked.last_asked < fails_until_) return Stock::None;
  while (asked.making < wanted && children_.size() < kMostMaking + kMostEnding) {
    std::size_t before = asked.making;
    make(asked);
    if (asked.making == before) break;
  }
  if (asked.making > 0) return Stock::Coming;
  return is_failing_ ? Stock::None : Stock::Coming;
}

Result<os::Descriptor> Disks::take(std::uint64_t bytes, std::uint32_t host_id) {
  Size& asked = size(bytes);
  if (asked.ready.empty()) return fail(ErrorCode::Unavailable, "no disk for /tmp is ready");
  os::Descriptor mount = std::move(asked.ready.front());
  asked.ready.pop_front();
  if (::fchownat(mount.get(), "", host_id, host_id, AT_EMPTY_PATH) != 0) {
    auto failure = os::fail_errno("chown", "a disk for /tmp");
    end(std::move(mount));
    return failure;
  }
  return mount;
}

void Disks::end(os::Descriptor mount) {
  to_end_.push_back(std::move(mount));
  begin_ending();
}

std::size_t Disks::goal(const Size& size) const {
  if (size.bytes == kUsualBytes) return ahead_;
  return ahead_ > 0 && Clock::now() - size.last_asked < kInUse ? 1 : 0;
}

bool Disks::wants_more() const {
  if (Clock::now() < fails_until_) return false;
  return std::any_of(sizes_.begin(), sizes_.end(),
                     [this](const Size& one) { return one.ready.size() + one.making < goal(one); });
}

void Disks::make_ahead() {
  for (Size& one : sizes_) {
    if (one.ready.size() + one.making >= goal(one)) continue;
    if (auto why = shortage(one.bytes)) return failed(one, std::move(*why));
    return make(one);
  }
}

void Disks::make(Size& size) {
  auto makers = std::count_if(children_.begin(), children_.end(), [](const Child& child) { return child.makes != 0; });
  if (static_cast<std::size_t>(makers) >= kMostMaking) return;
  pid_t pid = ::fork();
  if (pid == 0) run_maker(size.bytes, reporter_.get(), folder_.get(), size.form.get());
  if (pid < 0) return failed(size, "fork: " + std::string(std::strerror(errno)));
  children_.push_back({pid, size.bytes});
  ++size.making;
}

void Disks::begin_ending() {
  auto enders = std::count_if(children_.begin(), children_.end(), [](const Child& child) { return child.makes == 0; });
  while (!to_end_.empty() && static_cast<std::size_t>(enders++) < most_ending_) {
    auto gate = os::make_pipe();
    if (!gate) return;
    std::size_t count = std::min(to_end_.size(), kEndedByOneChild);
    std::vector<int> mounts;
    mounts.reserve(count + 1);
    for (std::size_t i = 0; i < count; ++i) mounts.push_back(to_end_[i].get());
    pid_t pid = ::fork();
    if (pid == 0) run_ender(std::move(mounts), gate->reader.get());
    if (pid < 0) return;  // housekeep() tries again
    children_.push_back({pid, 0});
    to_end_.erase(to_end_.begin(), to_end_.begin() + static_cast<std::ptrdiff_t>(count));
  }
}

void Disks::on_readable() {
  while (true) {
    DiskReport report;
    char buffer[sizeof(DiskReport) + 1];
    auto message = os::receive_message(reports_, buffer);
    if (!message || message->size != sizeof(report)) return;
    std::memcpy(&report, buffer, sizeof(report));
    auto child = std::find_if(children_.begin(), children_.end(), [&](const Child& c) { return c.pid == report.pid; });
    if (child == children_.end() || child->makes == 0) continue;
    child->makes = 0;  // it only has to be reaped
    Size& made = size(report.bytes);
    if (made.making > 0) --made.making;
    if (report.failed != 0 || message->descriptors.empty()) {
      failed(made, std::string(report.text, ::strnlen(report.text, sizeof(report.text))));
      continue;
    }
    is_failing_ = false;
    made.ready.push_back(std::move(message->descriptors[0]));
    if (message->descriptors.size() > 1 && !made.form.valid()) made.form = std::move(message->descriptors[1]);
  }
}

bool Disks::housekeep() {
  for (auto child = children_.begin(); child != children_.end();) {
    if (::waitpid(child->pid, nullptr, WNOHANG) == 0) {
      ++child;
      continue;
    }
    std::uint64_t makes = child->makes;
    if (makes != 0) {
      pid_t pid = child->pid;
      on_readable();  // its report may have come just now
      child = std::find_if(children_.begin(), children_.end(), [&](const Child& one) { return one.pid == pid; });
      makes = child->makes;
    }
    child = children_.erase(child);
    if (makes == 0) continue;
    Size& missed = size(makes);
    if (missed.making > 0) --missed.making;
    failed(missed, "the process that made a disk died");
  }
  for (Size& one : sizes_) {
    if (one.bytes == kUsualBytes || one.ready.empty() || Clock::now() - one.last_asked < kForgotten) continue;
    std::move(one.ready.begin(), one.ready.end(), std::back_inserter(to_end_));
    one.ready.clear();
  }
  begin_ending();
  return !children_.empty() || !to_end_.empty();
}

void Disks::failed(Size& size, std::string why) {
  fails_until_ = Clock::now() + kPause;
  if (!is_failing_) notice_ = "a disk of " + std::to_string(size.bytes >> 20) + " MB for /tmp: " + std::move(why);
  is_failing_ = true;
}

std::optional<std::string> Disks::take_notice() {
  return std::exchange(notice_, std::nullopt);
}

void Disks::shut_down() {
  constexpr int kRounds = 200;
  ahead_ = 0;
  most_ending_ = kMostEndingAtTheEnd;
  for (Size& one : sizes_) {
    std::move(one.ready.begin(), one.ready.end(), std::back_inserter(to_end_));
    one.ready.clear();
  }
  reports_.reset();  // what is still being made goes with whoever made it
  for (int round = 0; round < kRounds && housekeep(); ++round) ::poll(nullptr, 0, 5);
}

}  // namespace virga::sandbox::spawn
