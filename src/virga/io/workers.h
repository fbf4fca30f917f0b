#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "virga/io/event.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"

namespace virga::io {

// A few threads for what blocks: the disk, unpacking, hashing. The destructor finishes what was submitted.
class Workers {
 public:
  explicit Workers(unsigned threads);
  ~Workers();

  void submit(std::function<void()> work);  // any thread

  // `auto value = co_await workers.run<Result<int>>(loop, [..] { return blocking(); })`: runs it on a worker and
  // resumes on the loop. What the function uses must live until then.
  template <typename T>
  Task<T> run(Loop& loop, std::function<T()> work) {
    OneShot<T> done(loop);
    submit([&loop, &done, &work] {
      auto value = std::make_shared<T>(work());  // shared: std::function must be copyable
      loop.post([&done, value] { done.deliver(std::move(*value)); });
    });
    auto value = co_await done.wait();
    co_return std::move(*value);
  }

 private:
  void serve();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace virga::io
