#include "virga/services/topic/endpoints.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "virga/base/encoding.h"
#include "virga/base/id.h"
#include "virga/base/record.h"
#include "virga/http/client.h"
#include "virga/io/event.h"
#include "virga/io/task_group.h"
#include "virga/telemetry/log.h"

namespace virga::services {
namespace {

using std::chrono::seconds;

constexpr std::uint8_t kFormat = 1;
constexpr std::string_view kPosts = "topic/post/";  // + id: Record
constexpr std::size_t kPage = 1000;
constexpr std::size_t kMostInFlight = 64;
constexpr std::uint64_t kMostAnswer = 64 << 10;  // bytes of an answer, which nobody reads
constexpr seconds kPatience{15};                 // for one try
constexpr seconds kLongestSleep{5};              // so that a clock that jumps is noticed
constexpr seconds kRest{1};                      // after the disk refused

struct Record {
  EndpointPost post;
  std::uint64_t tries = 0;
  WallTime due;
};

std::string encode(const Record& record) {
  RecordWriter writer(kFormat);
  const auto& post = record.post;
  writer.text(post.url).text(post.body).text(post.dead_letters).text(post.source);
  writer.number(record.tries).time(record.due);
  writer.pairs(post.fields);
  return writer.take();
}

std::optional<Record> decode(std::string_view bytes) {
  RecordReader reader(bytes);
  Record record;
  auto& post = record.post;
  post.url = reader.text();
  post.body = reader.text();
  post.dead_letters = reader.text();
  post.source = reader.text();
  record.tries = reader.number();
  record.due = reader.time();
  post.fields = reader.pairs<decltype(post.fields)>();
  if (reader.format() != kFormat || !reader.is_whole()) return std::nullopt;
  return record;
}

bool is_address(const std::string& text) {
  in6_addr place{};
  return ::inet_pton(AF_INET, text.c_str(), &place) == 1 || ::inet_pton(AF_INET6, text.c_str(), &place) == 1;
}

std::string key_of(std::string_view id) {
  return std::string(kPosts).append(id);
}

}  // namespace

Result<HttpPlace> parse_http_url(std::string_view url) {
  auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::InvalidArgument, fmt::format("'{}' is no endpoint that can be delivered to: {}", url, why));
  };
  constexpr std::string_view kScheme = "http://";
  if (url.starts_with("https://")) {
    return refuse(
        "https is not spoken yet; use http:// and let a proxy beside the endpoint add TLS, or subscribe a function "
        "that posts the message on");
  }
  if (!url.starts_with(kScheme)) return refuse("only http:// is");
  auto rest = url.substr(kScheme.size());
  auto authority = rest.substr(0, rest.find_first_of("/?"));
  HttpPlace place;
  place.target = rest.substr(authority.size());
  if (!place.target.starts_with('/')) place.target.insert(0, "/");
  if (place.target.find_first_of(" \r\n\t#") != std::string::npos) return refuse("its path is not well-formed");
  if (authority.starts_with('[')) {
    auto end = authority.find(']');
    if (end == authority.npos) return refuse("its address is not well-formed");
    place.address = authority.substr(1, end - 1);
    authority.remove_prefix(end + 1);
  } else {
    place.address = authority.substr(0, authority.find(':'));
    authority.remove_prefix(place.address.size());
  }
  if (authority.starts_with(':')) {
    auto digits = authority.substr(1);
    auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), place.port);
    if (problem != std::errc() || end != digits.data() + digits.size()) return refuse("its port is not well-formed");
  } else if (!authority.empty()) {
    return refuse("its address is not well-formed");
  }
  if (place.address == "localhost") place.address = "127.0.0.1";
  if (!is_address(place.address))
    return refuse("its host must be an IP address or localhost; names are not resolved yet");
  return place;
}

struct Endpoints::State {
  explicit State(Parts p)
      : parts(p),
        tasks(p.loop),
        next_change(p.loop),
        stop_asked(p.loop),
        arrived(p.metrics.counter("virga_topic_posts_total", "Posts to HTTP endpoints of topics that arrived.")),
        retried(p.metrics.counter("virga_topic_retries_total", "Tries of posts to HTTP endpoints that failed.")),
        lost(p.metrics.counter("virga_topic_undeliverable_total", "Posts to HTTP endpoints that failed for good.")) {}

  void pump();
  void pump_soon();
  void wait_until(WallTime due, std::string id) {
    queue.emplace(due, std::move(id));
    pump_soon();
  }
  io::Task<void> deliver(std::string id);
  io::Task<std::string> post(EndpointPost post, bool& is_final);
  io::Task<void> settle(std::string id, Record record, std::string problem, bool is_final);

  Parts parts;
  std::set<std::pair<WallTime, std::string>> queue;  // due, id
  io::TaskGroup tasks;
  io::Timer next_change;
  io::Event stop_asked;
  bool is_serving = false;
  bool pump_is_due = false;
  std::size_t in_flight = 0;
  metrics::Counter& arrived;
  metrics::Counter& retried;
  metrics::Counter& lost;
};

Endpoints::Endpoints(Parts parts) : state_(std::make_unique<State>(parts)) {}
Endpoints::~Endpoints() = default;

Result<> Endpoints::load(const store::Store& store) {
  std::string last;
  while (true) {
    VIRGA_TRY_ASSIGN(auto page, store.scan({std::string(kPosts), last, kPage, store::Order::Ascending}));
    for (const auto& [key, value] : page) {
      auto record = decode(value);
      if (!record) {
        log::error("the record of a post is damaged; it is left where it is", {{"key", key}});
        continue;
      }
      state_->queue.emplace(record->due, key.substr(kPosts.size()));
    }
    if (page.size() < kPage) return {};
    last = page.back().key;
  }
}

void Endpoints::serve() {
  state_->is_serving = true;
  state_->pump();
}

void Endpoints::close() {
  state_->is_serving = false;
  state_->stop_asked.set();
  state_->next_change.cancel();
}

io::Task<void> Endpoints::stop() {
  auto joined = co_await state_->tasks.join();
  (void)joined;
}

std::function<void()> Endpoints::add_to(store::Batch& batch, const EndpointPost& post) {
  Record record{post, 0, state_->parts.loop.clock().wall()};
  auto id = make_ordered_uuid(record.due, state_->parts.random);
  batch.put(key_of(id), encode(record));
  return [this, id, due = record.due] { state_->wait_until(due, id); };
}

// 3 at once, 2 after a second, 10 with waits that grow to 20 s, 35 after 20 s each.
seconds Endpoints::delay_after(std::uint64_t tries) {
  if (tries <= 3) return seconds(0);
  if (tries <= 5) return seconds(1);
  if (tries <= 15) return seconds(static_cast<std::int64_t>(tries - 5) * 2);
  return seconds(20);
}

void Endpoints::State::pump_soon() {
  if (pump_is_due) return;
  pump_is_due = true;
  parts.loop.at_end_of_round([this] {
    pump_is_due = false;
    pump();
  });
}

void Endpoints::State::pump() {
  if (!is_serving) return;
  auto now = parts.loop.clock().wall();
  while (in_flight < kMostInFlight && !queue.empty() && queue.begin()->first <= now) {
    auto id = queue.begin()->second;
    queue.erase(queue.begin());
    ++in_flight;
    tasks.add(deliver(std::move(id)));
  }
  if (queue.empty() || in_flight >= kMostInFlight) {
    next_change.cancel();
    return;
  }
  auto wait =
      std::clamp<std::chrono::nanoseconds>(queue.begin()->first - now, std::chrono::nanoseconds(0), kLongestSleep);
  next_change.start(io::Deadline::in(parts.loop, wait), [this] { pump(); });
}

io::Task<void> Endpoints::State::deliver(std::string id) {
  auto bytes = co_await parts.store.get(key_of(id));
  auto record = bytes && *bytes ? decode(**bytes) : std::nullopt;
  if (!bytes) {
    log::error("a post cannot be read, and is tried again", {{"id", id}, {"error", bytes.error().message()}});
    wait_until(parts.loop.clock().wall() + kRest, id);
  } else if (!record) {
    log::error("a post cannot be read; it is left where it is", {{"id", id}});
  } else {
    bool is_final = false;
    auto problem = co_await post(record->post, is_final);
    co_await settle(id, std::move(*record), std::move(problem), is_final);
  }
  --in_flight;
  pump_soon();
}

// What went wrong; "" if it arrived.
io::Task<std::string> Endpoints::State::post(EndpointPost post, bool& is_final) {
  auto place = parse_http_url(post.url);
  if (!place) {
    is_final = true;
    co_return place.error().message();
  }
  http::ClientRequest request;
  request.method = "POST";
  request.target = place->target;
  request.fields = std::move(post.fields);
  request.body = std::move(post.body);
  request.max_response_body = kMostAnswer;
  auto deadline = io::Deadline::in(parts.loop, kPatience);
  auto response = co_await http::send(parts.loop, place->address, place->port, std::move(request), deadline);
  if (!response) co_return response.error().message();
  if (response->status >= 200 && response->status < 300) co_return std::string();
  is_final = response->status >= 400 && response->status < 500 && response->status != 429;
  co_return fmt::format("it answered {}", response->status);
}

// Writes what came of a try. At a stop, and while the disk refuses, the post stays as it was.
io::Task<void> Endpoints::State::settle(std::string id, Record record, std::string problem, bool is_final) {
  store::Batch batch;
  ++record.tries;
  bool is_over = problem.empty() || is_final || record.tries >= kMostTries;
  std::function<void()> kept;
  if (!is_over) {
    record.due = parts.loop.clock().wall() + delay_after(record.tries);
    batch.put(key_of(id), encode(record));
  } else {
    batch.remove(key_of(id));
    if (!problem.empty() && !record.post.dead_letters.empty()) {
      events::Parcel parcel;
      parcel.body = record.post.body;
      parcel.source = record.post.source;
      parcel.attributes.emplace_back("ERROR_MESSAGE", problem);
      auto sent = parts.targets.send(record.post.dead_letters, std::move(parcel), batch);
      if (sent) kept = std::move(*sent);
    }
  }
  auto written = co_await parts.store.commit(std::move(batch));
  if (!written) {
    log::error("what came of a post cannot be written; it is tried again",
               {{"id", id}, {"error", written.error().message()}});
    wait_until(parts.loop.clock().wall() + kRest, id);
    co_return;
  }
  if (kept) kept();
  if (problem.empty()) {
    arrived.add();
  } else if (is_over) {
    lost.add();
    log::warn("a post to an endpoint has failed for good",
              {{"url", record.post.url},
               {"problem", problem},
               {"kept", kept ? record.post.dead_letters : std::string("no")}});
  } else {
    retried.add();
    wait_until(record.due, id);
  }
}

}  // namespace virga::services
