#include "virga/store/loop_store.h"

#include <iterator>
#include <memory>
#include <utility>

#include "virga/base/assert.h"

namespace virga::store {

struct ThreadedLoopStore::Waiting {
  explicit Waiting(Batch b) : batch(std::move(b)) {}
  Batch batch;
  Result<> result;
  // The rest belongs to the loop.
  bool done = false;
  std::coroutine_handle<> waiter;
};

class ThreadedLoopStore::Written {
 public:
  explicit Written(Waiting& waiting) : waiting_(waiting) {}
  bool await_ready() const { return waiting_.done; }
  void await_suspend(std::coroutine_handle<> handle) { waiting_.waiter = handle; }
  void await_resume() const {}

 private:
  Waiting& waiting_;
};

ThreadedLoopStore::ThreadedLoopStore(io::Loop& loop, Store& store, io::Workers& workers)
    : loop_(loop), store_(store), workers_(workers), thread_([this] { write_on(); }) {}

ThreadedLoopStore::~ThreadedLoopStore() {
  hand_over();
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

io::Task<Result<>> ThreadedLoopStore::commit(Batch batch) {
  VIRGA_ASSERT(batch.preconditions().empty());
  auto waiting = std::make_shared<Waiting>(std::move(batch));
  if (gathered_.empty()) loop_.at_end_of_round([this] { hand_over(); });
  gathered_.push_back(waiting);
  return written(std::move(waiting));
}

void ThreadedLoopStore::hand_over() {
  if (gathered_.empty()) return;
  bool is_first = false;
  {
    std::lock_guard lock(mutex_);
    is_first = waiting_.empty();
    waiting_.insert(waiting_.end(), std::move_iterator(gathered_.begin()), std::move_iterator(gathered_.end()));
  }
  gathered_.clear();
  if (is_first) changed_.notify_one();
}

io::Task<Result<>> ThreadedLoopStore::written(std::shared_ptr<Waiting> waiting) {
  co_await Written(*waiting);
  co_return std::move(waiting->result);
}

void ThreadedLoopStore::write_on() {
  while (true) {
    std::vector<std::shared_ptr<Waiting>> group;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      group.swap(waiting_);
    }
    Batch together;
    for (auto& waiting : group) together.append(std::move(waiting->batch));
    auto result = store_.commit(std::move(together), Durability::Synced);
    loop_.post([group = std::move(group), result = std::move(result), &loop = loop_] {
      for (const auto& waiting : group) {
        waiting->result = result;
        waiting->done = true;
        if (waiting->waiter) loop.resume_soon(std::exchange(waiting->waiter, nullptr));
      }
    });
  }
}

io::Task<Result<std::optional<std::string>>> ThreadedLoopStore::get(std::string key) {
  std::function<Result<std::optional<std::string>>()> read = [this, &key] { return store_.get(key); };
  co_return co_await workers_.run(loop_, std::move(read));
}

io::Task<Result<std::vector<Record>>> ThreadedLoopStore::scan(Range range) {
  std::function<Result<std::vector<Record>>()> read = [this, &range] { return store_.scan(range); };
  co_return co_await workers_.run(loop_, std::move(read));
}

}  // namespace virga::store
