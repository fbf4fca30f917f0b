#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"
#include "virga/sandbox/spawn/disk.h"

namespace virga::sandbox::spawn {

// The helper's stock of disks for /tmp: made ahead of need, each given to one sandbox, once. Nothing here waits: disks
// are made and given up by short-lived children, and what they made arrives on descriptor().
//
// Disks are kept by size. The usual size is there from the start; another one is made when it is first asked for, and
// from then on one is kept ahead while it is in use.
class Disks {
 public:
  static constexpr std::uint64_t kUsualBytes = 512u << 20;  // Lambda's default for /tmp

  // `folder`: where the files lie; `path` is its name for messages. `ahead`: how many of the usual size are kept. The
  // error says why this machine has no disks for /tmp.
  static Result<Disks> open(os::Descriptor folder, std::string path, std::uint32_t ahead);

  int descriptor() const { return reports_.get(); }  // readable: call on_readable()
  void on_readable();

  enum class Stock {
    Ready,   // take() will give one
    Coming,  // one is being made
    None,    // none can be had for now; reason() says why
  };
  // Sees to it that `wanted` more of this size are made if there are none.
  Stock ask(std::uint64_t bytes, std::size_t wanted);
  // Only after ask() said Ready. The disk belongs to this host user from here on.
  Result<os::Descriptor> take(std::uint64_t bytes, std::uint32_t host_id);
  // Gives up a disk that a sandbox had. Whoever else has it mounted must have ended.
  void end(os::Descriptor mount);

  bool wants_more() const;
  void make_ahead();  // one of those that wants_more() speaks of
  // Reaps children and begins what had to wait for them. True: some still work.
  bool housekeep();
  // Why the last disk could not be made, once for each time that it began to fail.
  std::optional<std::string> take_notice();
  // Gives everything up and waits for it, at most a second.
  void shut_down();

 private:
  using Clock = std::chrono::steady_clock;
  struct Size {
    std::uint64_t bytes = 0;
    DiskForm form;
    std::deque<os::Descriptor> ready;
    std::size_t making = 0;
    Clock::time_point last_asked;
  };
  struct Child {
    pid_t pid = -1;
    std::uint64_t makes = 0;  // bytes of the disk it makes; 0: it ends some
  };

  Disks(os::Descriptor folder, std::string path, os::Descriptor reports, os::Descriptor reporter, std::uint32_t ahead);
  Size& size(std::uint64_t bytes);
  std::size_t goal(const Size& size) const;
  void make(Size& size);
  void begin_ending();
  void failed(Size& size, std::string why);
  std::optional<std::string> shortage(std::uint64_t bytes) const;

  os::Descriptor folder_;
  std::string path_;
  os::Descriptor reports_;
  os::Descriptor reporter_;  // the children's end
  std::size_t ahead_ = 0;
  std::size_t most_ending_;  // children at a time
  std::vector<Size> sizes_;
  std::vector<Child> children_;
  std::vector<os::Descriptor> to_end_;
  Clock::time_point fails_until_;
  std::optional<std::string> notice_;
  bool is_failing_ = false;
};

}  // namespace virga::sandbox::spawn
