#include "virga/io/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <mutex>
#include <utility>
#include <vector>

#include "virga/base/assert.h"
#include "virga/os/descriptor.h"
#include "virga/os/errno.h"

namespace virga::io {

Deadline Deadline::in(const Loop& loop, std::chrono::nanoseconds time) {
  return Deadline(loop.clock().steady() + time);
}

namespace {

constexpr std::size_t kSlots = 1024;  // of the timer wheel: 10 s at kTick; later deadlines go round again
constexpr int kEventsPerRound = 256;
constexpr std::uint32_t kReads = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr int kJoinedRounds = 8;  // looks at the kernel that make one round at the most
constexpr int kResumePasses = 4;  // over what was resumed meanwhile, between two looks at the kernel

}  // namespace

struct Loop::State {
  explicit State(const Clock& c) : clock(c), now(c.steady()), origin(now) {
    for (auto& slot : slots) slot.previous = slot.next = &slot;
  }

  const Clock& clock;
  SteadyTime now;
  WallTime wall;            // in this round,
  bool knows_wall = false;  // if somebody asked for it
  SteadyTime origin;
  os::Descriptor epoll;
  os::Descriptor wake;
  bool stopping = false;

  std::mutex mutex;  // guards `posted` alone
  std::vector<std::function<void()>> posted;

  std::vector<std::coroutine_handle<>> soon;
  std::vector<std::coroutine_handle<>> soon_now;  // being worked through; kept for its memory
  std::vector<std::function<void()>> end_of_round;
  std::vector<std::function<void()>> end_of_round_now;

  std::array<internal::TimerNode, kSlots> slots;
  std::uint64_t next_tick = 0;  // the first tick whose slot was not looked at
  std::size_t timers = 0;

  // Watches that are unwatched while their events of this round are still in the array.
  std::array<epoll_event, kEventsPerRound> events;
  int event_count = 0;
  int event_count_seen = 0;  // in this look at the kernel
  int joined_rounds = 0;     // looks since the work at the end of a round was last done
  int round_events = 0;      // seen by them
  int last_round_events = 0;
  int event_index = 0;

  std::uint64_t tick_of(SteadyTime time) const {
    auto since = time - origin;
    if (since.count() <= 0) return 0;
    // Rounded up: never early.
    return static_cast<std::uint64_t>((since + kTick - std::chrono::nanoseconds(1)) / kTick);
  }
};

Loop::Loop() = default;
Loop::~Loop() = default;

Result<std::unique_ptr<Loop>> Loop::create(const Clock& clock) {
  std::unique_ptr<Loop> loop(new Loop);
  loop->state_ = std::make_unique<State>(clock);
  loop->state_->epoll = os::Descriptor(::epoll_create1(EPOLL_CLOEXEC));
  if (!loop->state_->epoll.valid()) return os::fail_errno("epoll_create1");
  loop->state_->wake = os::Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!loop->state_->wake.valid()) return os::fail_errno("eventfd");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  if (::epoll_ctl(loop->state_->epoll.get(), EPOLL_CTL_ADD, loop->state_->wake.get(), &event) != 0) {
    return os::fail_errno("epoll_ctl");
  }
  return loop;
}

const Clock& Loop::clock() const {
  return state_->clock;
}
SteadyTime Loop::now() const {
  return state_->now;
}
WallTime Loop::wall() const {
  if (!state_->knows_wall) {
    state_->wall = state_->clock.wall();
    state_->knows_wall = true;
  }
  return state_->wall;
}

void Loop::post(std::function<void()> work) {
  bool first = false;
  {
    std::lock_guard lock(state_->mutex);
    first = state_->posted.empty();
    state_->posted.push_back(std::move(work));
  }
  if (first) {
    std::uint64_t one = 1;
    // The counter cannot overflow in practice, and a wake-up that is already pending is as good.
    [[maybe_unused]] auto written = ::write(state_->wake.get(), &one, sizeof(one));
  }
}

void Loop::stop() {
  post([this] { state_->stopping = true; });
}

void Loop::at_end_of_round(std::function<void()> work) {
  state_->end_of_round.push_back(std::move(work));
}
void Loop::resume_soon(std::coroutine_handle<> handle) {
  state_->soon.push_back(handle);
}

Result<> Loop::watch(internal::Watch& watch) {
  epoll_event event{};
  event.events = kReads;
  event.data.ptr = &watch;
  if (::epoll_ctl(state_->epoll.get(), EPOLL_CTL_ADD, watch.fd, &event) != 0) return os::fail_errno("epoll_ctl add");
  return {};
}

void Loop::watch_writes(internal::Watch& watch) {
  if (watch.watches_writes) return;
  watch.watches_writes = true;
  epoll_event event{};
  event.events = kReads | EPOLLOUT;
  event.data.ptr = &watch;
  // Reports at once what holds already. It cannot fail for a descriptor that is watched.
  ::epoll_ctl(state_->epoll.get(), EPOLL_CTL_MOD, watch.fd, &event);
}

void Loop::unwatch(internal::Watch& watch) {
  ::epoll_ctl(state_->epoll.get(), EPOLL_CTL_DEL, watch.fd, nullptr);
  for (int i = state_->event_index; i < state_->event_count; ++i) {
    auto& event = state_->events[static_cast<std::size_t>(i)];
    if (event.data.ptr == &watch) event.events = 0;
  }
}

void Loop::arm(internal::TimerNode& timer, Deadline deadline) {
  VIRGA_ASSERT(!timer.armed());
  timer.tick = std::max(state_->tick_of(deadline.time()), state_->next_tick);
  auto& slot = state_->slots[timer.tick % kSlots];
  timer.next = &slot;
  timer.previous = slot.previous;
  slot.previous->next = &timer;
  slot.previous = &timer;
  ++state_->timers;
}

void Loop::disarm(internal::TimerNode& timer) {
  if (!timer.armed()) return;
  timer.previous->next = timer.next;
  timer.next->previous = timer.previous;
  timer.next = timer.previous = nullptr;
  --state_->timers;
}

void Loop::run() {
  auto& state = *state_;
  state.stopping = false;
  while (!state.stopping) {
    int timeout = -1;
    if (!state.soon.empty() || !state.end_of_round.empty()) {
      timeout = 0;
    } else if (state.timers > 0) {
      // Looks ahead for the next slot in use, so that an idle loop with one far deadline wakes rarely.
      std::uint64_t tick = state.next_tick;
      std::uint64_t last = state.next_tick + 100;
      while (tick < last && state.slots[tick % kSlots].next == &state.slots[tick % kSlots]) ++tick;
      auto wait = state.origin + kTick * static_cast<std::int64_t>(tick) - state.clock.steady();
      auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
      timeout = milliseconds < 0 ? 0 : static_cast<int>(milliseconds);
    }
    int count = ::epoll_wait(state.epoll.get(), state.events.data(), kEventsPerRound, timeout);
    VIRGA_ASSERT(count >= 0 || errno == EINTR);
    state.now = state.clock.steady();
    state.knows_wall = false;
    state.event_count = state.event_count_seen = count < 0 ? 0 : count;
    bool woken = false;
    for (state.event_index = 0; state.event_index < state.event_count;) {
      auto event = state.events[static_cast<std::size_t>(state.event_index++)];
      if (event.events == 0) continue;
      if (event.data.ptr == nullptr) {
        woken = true;
        continue;
      }
      auto& watch = *static_cast<internal::Watch*>(event.data.ptr);
      if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0) watch.readable = true;
      if ((event.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) watch.writable = true;
      if ((event.events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0) watch.ended = true;
      watch.ready(watch);
    }
    state.event_count = state.event_index = 0;

    if (woken) {
      std::uint64_t counter = 0;
      [[maybe_unused]] auto read = ::read(state.wake.get(), &counter, sizeof(counter));
      std::vector<std::function<void()>> posted;
      {
        std::lock_guard lock(state.mutex);
        posted.swap(state.posted);
      }
      for (auto& work : posted) work();
    }

    // A tick is looked at when it has passed wholly, so that nothing fires early.
    auto elapsed = static_cast<std::uint64_t>((state.now - state.origin) / kTick);
    while (state.next_tick <= elapsed) {
      auto& slot = state.slots[state.next_tick % kSlots];
      // Taken out first: what a timer starts anew lands behind this tick.
      internal::TimerNode due;
      due.previous = due.next = &due;
      for (auto* timer = slot.next; timer != &slot;) {
        auto* next = timer->next;
        if (timer->tick <= state.next_tick) {
          timer->previous->next = timer->next;
          timer->next->previous = timer->previous;
          timer->next = &due;
          timer->previous = due.previous;
          due.previous->next = timer;
          due.previous = timer;
        }
        timer = next;
      }
      ++state.next_tick;
      while (due.next != &due) {
        auto& timer = *due.next;
        disarm(timer);
        timer.expired(timer);
      }
      if (state.timers == 0 && state.next_tick <= elapsed) state.next_tick = elapsed + 1;
    }

    // One coroutine resumes the next: an answer goes through several of them. What is added after a few passes has its
    // turn later, so that nobody can keep the others from the kernel's events.
    for (int pass = 0; pass < kResumePasses && !state.soon.empty(); ++pass) {
      state.soon_now.swap(state.soon);
      for (auto handle : state.soon_now) handle.resume();
      state.soon_now.clear();
    }
    // As long as the kernel has more at once, the round goes on: what is gathered for its end grows with the load.
    // Where one event comes at a time there is nothing to gather.
    state.round_events += state.event_count_seen;
    bool is_busy = state.round_events > 1 || state.last_round_events > 1;
    bool has_more = is_busy && state.event_count_seen > 0 && ++state.joined_rounds < kJoinedRounds;
    if (has_more) continue;
    state.joined_rounds = 0;
    state.last_round_events = std::exchange(state.round_events, 0);
    state.end_of_round_now.swap(state.end_of_round);
    for (auto& work : state.end_of_round_now) work();
    state.end_of_round_now.clear();
  }
}

void SleepAwaiter::await_suspend(std::coroutine_handle<> handle) {
  handle_ = handle;
  expired = [](TimerNode& node) { static_cast<SleepAwaiter&>(node).handle_.resume(); };
  loop_.arm(*this, deadline_);
}

void Timer::start(Deadline deadline, std::function<void()> work) {
  cancel();
  if (deadline.is_never()) return;
  work_ = std::move(work);
  expired = [](TimerNode& node) {
    auto due = std::move(static_cast<Timer&>(node).work_);
    due();
  };
  loop_.arm(*this, deadline);
}

void Timer::cancel() {
  loop_.disarm(*this);
}

}  // namespace virga::io
