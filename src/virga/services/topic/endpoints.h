#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "virga/base/random.h"
#include "virga/base/result.h"
#include "virga/events/targets.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/store/loop_store.h"
#include "virga/telemetry/metrics.h"

namespace virga::services {

// Where an http URL leads. Only addresses and localhost: names are not resolved for deliveries.
struct HttpPlace {
  std::string address;
  std::uint16_t port = 80;
  std::string target;  // path and query
};
// InvalidArgument says what is wrong with the URL.
Result<HttpPlace> parse_http_url(std::string_view url);

// One POST that has to arrive. A value.
struct EndpointPost {
  std::string url;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  std::string dead_letters;  // ARN, for when all tries have failed; "": none
  std::string source;        // ARN of the subscription
};

// Posts to HTTP endpoints, which are on the disk until they have arrived or all tries have failed: 50 of them within
// some 15 minutes (SNS developer guide, "Message delivery retries"). A refusal with 4xx is final, but for 429. What
// fails for good goes to its dead letters, or is logged and counted. An endpoint may get a post twice, around a crash.
// One loop.
class Endpoints {
 public:
  // All of these outlive it.
  struct Parts {
    io::Loop& loop;
    store::LoopStore& store;
    const events::Targets& targets;
    Random& random;
    metrics::Registry& metrics;
  };
  explicit Endpoints(Parts parts);
  ~Endpoints();
  Endpoints(const Endpoints&) = delete;
  Endpoints& operator=(const Endpoints&) = delete;

  Result<> load(const store::Store& store);  // blocks; before serve()
  void serve();
  void close();
  io::Task<void> stop();

  // Adds the post to the batch; what is answered has to be called once that is on the disk.
  std::function<void()> add_to(store::Batch& batch, const EndpointPost& post);

  // How long to wait after so many failed tries.
  static std::chrono::seconds delay_after(std::uint64_t tries);
  static constexpr std::uint64_t kMostTries = 50;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace virga::services
