#include "bench/load/generator.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <memory>
#include <thread>

#include "bench/load/sender.h"
#include "virga/os/errno.h"

namespace virga::load {
namespace {

// Between the moment when all threads are ready and the first request.
constexpr std::chrono::milliseconds kHeadStart{5};

Result<> pin_to(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  if (int error = pthread_setaffinity_np(pthread_self(), sizeof set, &set); error != 0) {
    return fail(os::errno_error(error, "pin a thread to", "core " + std::to_string(core)));
  }
  return {};
}

}  // namespace

Result<Results> run(const Work& work) {
  auto shares = static_cast<unsigned>(std::max<std::size_t>(work.cores.size(), 1));
  std::vector<std::unique_ptr<Sender>> senders;
  for (unsigned share = 0; share < shares; ++share) {
    senders.push_back(std::make_unique<Sender>(work, share, shares));
    VIRGA_TRY(senders.back()->connect());
  }
  std::vector<Result<>> pinned(shares);
  {
    auto start = std::chrono::steady_clock::now() + kHeadStart;
    std::vector<std::jthread> threads;
    threads.reserve(shares);
    for (unsigned share = 0; share < shares; ++share) {
      threads.emplace_back([&, share] {
        if (!work.cores.empty()) pinned[share] = pin_to(work.cores[share]);
        if (pinned[share]) senders[share]->run(start);
      });
    }
  }
  Results results;
  for (unsigned share = 0; share < shares; ++share) {
    VIRGA_TRY(pinned[share]);
    results.merge(senders[share]->results());
  }
  return results;
}

}  // namespace virga::load
