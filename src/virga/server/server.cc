#include "virga/server/server.h"

#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <filesystem>

#include "virga/base/problems.h"
#include "virga/catalog/catalog.h"
#include "virga/deploy/deployer.h"
#include "virga/deploy/tree_check.h"
#include "virga/dialects/aws/function_key.h"
#include "virga/dialects/virga/virga_api.h"
#include "virga/dispatch/dispatcher.h"
#include "virga/dispatch/sandbox_instances.h"
#include "virga/dispatch/stem_uses.h"
#include "virga/gateway/gateway.h"
#include "virga/gateway/inner_gateway.h"
#include "virga/http/server.h"
#include "virga/io/network.h"
#include "virga/io/workers.h"
#include "virga/ledger/logs.h"
#include "virga/names/resolver.h"
#include "virga/os/slice.h"
#include "virga/runtime/runtimes.h"
#include "virga/runtime/sandbox_templates.h"
#include "virga/runtime/sandboxes.h"
#include "virga/runtime/service_doors.h"
#include "virga/sandbox/confinement.h"
#include "virga/server/aws_dialect.h"
#include "virga/server/event_services.h"
#include "virga/server/figures.h"
#include "virga/server/keys.h"
#include "virga/server/open_store.h"
#include "virga/server/paths.h"
#include "virga/server/service_user.h"
#include "virga/store/blob_store.h"
#include "virga/store/data_lock.h"
#include "virga/store/loop_store.h"
#include "virga/store/rocksdb/rocksdb_store.h"
#include "virga/telemetry/log.h"
#include "virga/telemetry/metrics.h"
#include "virga/telemetry/process_metrics.h"

namespace virga::server {
namespace {

// A package that nothing uses yet may belong to a deployment that was cut off and comes again.
constexpr std::chrono::hours kPackageRest{1};
constexpr std::uint16_t kRuntimeApiPort = 9001;
constexpr std::uint16_t kUsualPort = 4600;
constexpr std::chrono::seconds kGrace{5};             // for requests in flight at a stop
constexpr std::chrono::microseconds kLoopSlice{300};  // of the loop's thread, at a time

// Of the memory budget, stems hold this part at most.
constexpr std::uint64_t kStemShare = 4;

// What instances may hold together unless it is said: the rest is for the daemon, the page cache and others.
model::Bytes share_of_this_machine() {
  struct sysinfo info{};
  if (::sysinfo(&info) != 0) return model::mebibytes(2048);
  return {static_cast<std::uint64_t>(info.totalram) * info.mem_unit / 5 * 3};
}

// Every connection and every instance needs descriptors, and the soft limit of a login is 1024.
void raise_open_files() {
  struct rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

// Bottom floor first; destroyed in reverse.
struct Server::State {
  explicit State(io::Loop& l) : loop(l) {}

  io::Loop& loop;
  Options options;
  ServiceUser user;
  std::vector<names::Range> egress_allowed;
  RootKey key;
  std::string url;
  std::uint16_t port = 0;
  std::chrono::milliseconds ready_time{};
  bool is_ready = false;

  metrics::Registry metrics;
  std::optional<io::Listener> listener;       // until it serves
  std::optional<runtime::Runtimes> runtimes;  // read before privilege is given up
  std::optional<names::Resolver> names;
  std::unique_ptr<runtime::Sandboxes> sandboxes;  // the helper is started before there are threads
  std::unique_ptr<io::Workers> workers;
  std::unique_ptr<store::Store> store;
  std::optional<store::BlobStore> blobs;
  std::optional<store::ThreadedLoopStore> loop_store;
  std::unique_ptr<catalog::Catalog> catalog;
  std::optional<ledger::Logs> logs;
  std::optional<runtime::Stems> stems;
  std::optional<runtime::SandboxTemplates> template_maker;
  std::optional<runtime::Templates> templates;
  std::optional<dispatch::SandboxInstances> instances;
  std::optional<dispatch::StemUses> stem_uses;
  std::optional<dispatch::Dispatcher> dispatcher;
  std::unique_ptr<EventServices> services;
  std::optional<deploy::Unpacker> unpacker;
  std::optional<deploy::Preparer> preparer;
  std::optional<deploy::Deployer> deployer;
  std::optional<deploy::TreeCheck> tree_check;
  std::optional<AwsDialect> aws;
  std::optional<dialects::VirgaApi> virga;
  std::optional<gateway::Gateway> gateway;
  std::optional<http::Server> http;
  std::optional<gateway::InnerGateway> inner_gateway;
  std::optional<runtime::ServiceDoors> doors;

  std::uint16_t services_port() const;
  runtime::Credentials credentials_of(const model::FunctionName& function) const;
  Result<> prepare_data();
  Result<> listen();
  Result<> give_up_privilege();
  Result<> open_data();
  Result<> build();
};

Server::Server() = default;
Server::~Server() = default;

Result<> Server::State::prepare_data() {
  VIRGA_TRY_ASSIGN(user, choose_user(options.user, options.usual_user, options.data_directory));
  VIRGA_TRY_ASSIGN(options.data_directory, make_data_directory(options.data_directory, user));
  // Asked before the helper is started, which waits for another one of the same folder: a daemon that runs is not one
  // that is ending. The store takes the lock for good.
  VIRGA_TRY_ASSIGN(auto free, store::DataLock::acquire(options.data_directory));
  return hand_over(options.data_directory, user);
}

Result<> Server::State::listen() {
  auto listening = io::Listener::listen(loop, options.listen, options.port);
  if (!listening) {
    const auto& error = listening.error();
    if (error.code() == ErrorCode::Unavailable) {
      return fail(problem::kPortInUse, error.message() + ". Choose another port with --port N; 0 takes a free one");
    }
    return fail(problem::kAddressRefused, error.message() + ". Choose another with --listen ADDRESS and --port N");
  }
  listener.emplace(std::move(*listening));
  port = listener->port();
  auto host = options.listen == "0.0.0.0" || options.listen == "::" ? std::string("127.0.0.1") : options.listen;
  url = "http://" + (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
  return {};
}

// Where functions find the services on their own loopback: at the daemon's own port, so that addresses the services
// give out (of queues, of functions) are good inside as well, unless that is the port of the Lambda Runtime API.
std::uint16_t Server::State::services_port() const {
  return port == kRuntimeApiPort ? kUsualPort : port;
}

runtime::Credentials Server::State::credentials_of(const model::FunctionName& function) const {
  auto derived = dialects::aws::function_key(key.secret, function);
  return {std::move(derived.id), std::move(derived.secret), std::move(derived.session_token)};
}

Result<> Server::State::give_up_privilege() {
  sandbox::Confinement confinement;
  confinement.identity = {user.user, user.group};
  confinement.writable_folder = options.data_directory;
  confinement.readable_folders = options.readable_paths;
  confinement.readable_folders.push_back(options.runtimes_directory);
  // Where /etc/resolv.conf points to on most machines: the file there is replaced now and then.
  std::error_code none;
  auto name_servers = std::filesystem::canonical("/etc/resolv.conf", none).parent_path();
  if (!none && name_servers != "/etc") confinement.readable_folders.push_back(name_servers.string());
  VIRGA_TRY_ASSIGN(auto gaps, sandbox::confine(confinement));
  std::string open;
  for (const auto& gap : gaps) open += (open.empty() ? "" : "; ") + gap;
  if (!open.empty()) log::warn("the daemon is not confined from", {{"user", user.name}, {"what", open}});
  return {};
}

Result<> Server::State::open_data() {
  VIRGA_TRY_ASSIGN(store, open_store(options.data_directory));
  loop_store.emplace(loop, *store, *workers);
  VIRGA_TRY_ASSIGN(auto opened, store::BlobStore::open(options.data_directory + "/blobs"));
  blobs.emplace(std::move(opened));
  catalog::Catalog::Parts parts{*store, *blobs, loop.clock(), system_random(), options.data_directory + "/packages"};
  VIRGA_TRY_ASSIGN(catalog, catalog::Catalog::open(parts, catalog::limits_for(options.concurrency)));
  // Before anything runs from a tree: nothing is in use yet.
  auto collected = catalog->collect_packages(loop.clock().wall() - kPackageRest, [](const auto&) { return false; });
  if (!collected) return fail(std::move(collected).error());
  if (*collected > 0) log::info("unused packages removed", {{"count", *collected}});
  if (options.key_id.empty()) {
    VIRGA_TRY_ASSIGN(key, load_or_make_root_key(options.data_directory));
  } else {
    key = {options.key_id, options.secret_key, ""};
  }
  return {};
}

Result<> Server::State::build() {
  auto memory_budget = options.memory_budget.count != 0 ? options.memory_budget : share_of_this_machine();
  runtime::Stems::Options waiting;
  waiting.memory_budget = std::min(waiting.memory_budget, memory_budget.count / kStemShare);
  stems.emplace(loop, *sandboxes, waiting);
  template_maker.emplace(loop, *sandboxes);
  runtime::Templates::Options forking;
  if (!options.templates) forking.memory_budget = 0;
  templates.emplace(loop, *template_maker, forking);
  dispatch::SandboxInstances::Options making;
  making.platform = {options.region, options.account, "http://127.0.0.1:" + std::to_string(services_port()),
                     [this](const model::FunctionName& function) { return credentials_of(function); }};
  instances.emplace(dispatch::SandboxInstances::Parts{loop, *sandboxes, *stems, *templates, *runtimes, *catalog},
                    making);
  dispatch::Options dispatching;
  dispatching.account_concurrency = options.concurrency;
  dispatching.max_queue_wait = options.queue_wait;
  dispatching.memory_budget = memory_budget;
  dispatching.freeze_after = sandboxes->can_freeze() ? options.freeze_after : std::chrono::milliseconds(0);
  dispatch::Dispatcher::Parts dispatcher_parts{
      loop,  *catalog, *instances,
      *logs, metrics,  [this] { return model::Bytes{stems->memory() + templates->counts().memory_bytes}; }};
  dispatcher.emplace(dispatcher_parts, dispatching);
  VIRGA_TRY_ASSIGN(services, EventServices::open({loop,
                                                  *store,
                                                  *loop_store,
                                                  *catalog,
                                                  *dispatcher,
                                                  metrics,
                                                  {options.region, options.account},
                                                  url,
                                                  options.data_directory}));
  VIRGA_TRY_ASSIGN(auto made, deploy::Unpacker::create(loop, *sandboxes, options.data_directory + "/tools"));
  unpacker.emplace(std::move(made));
  preparer.emplace(deploy::Preparer::Parts{loop, *workers, *catalog, *sandboxes, *runtimes});
  deployer.emplace(deploy::Deployer::Parts{loop, *workers, *catalog, *unpacker, *preparer});
  tree_check.emplace(deploy::TreeCheck::Parts{loop, *workers, *catalog, *deployer});

  dialects::aws::Account account{options.region, options.account, url};
  auto without_url = options.public_functions ? dialects::aws::WithoutUrl::Public : dialects::aws::WithoutUrl::Refused;
  aws.emplace(AwsDialect::Parts{*catalog, *deployer, *dispatcher, *services, loop, *runtimes, system_random(), account,
                                key, without_url, metrics});
  virga.emplace(dialects::VirgaApi::Parts{aws->verifier(), *catalog, *dispatcher, services->async_calls(),
                                          services->bus(), services->scheduler(), *logs, loop, VIRGA_VERSION});
  gateway.emplace(gateway::Gateway::Parts{aws->urls(), aws->api(), aws->links(), *virga, metrics,
                                          [this] { return is_ready && !sandboxes->is_over(); }});
  http.emplace(loop, *gateway);
  count(metrics, *http);
  count(metrics, *stems);
  count(metrics, *templates);
  names::Resolver::Options resolving;
  resolving.policy = names::AddressPolicy(std::move(egress_allowed));
  names.emplace(loop, system_random(), std::move(resolving));
  sandboxes->use(*names);
  inner_gateway.emplace(aws->urls(), aws->api());
  doors.emplace(loop, *inner_gateway, runtime::ServiceDoors::limits_of_one());
  sandboxes->use(*doors);
  metrics.counter_from("virga_functions_requests_total", "Requests that functions made to Virga's services.",
                       [this] { return static_cast<double>(doors->requests()); });
  count(metrics, *names);
  // Nothing can fail any more: from here on stop() is needed.
  sandboxes->serve();
  stems->serve();
  templates->serve();
  stem_uses.emplace(dispatch::StemUses::Parts{loop, *catalog, *runtimes, *stems});
  http->serve(std::move(*listener));
  listener.reset();
  tree_check->begin([this] { preparer->refresh(); });
  services->serve();
  return {};
}

Result<std::unique_ptr<Server>> Server::create(io::Loop& loop, Options options) {
  auto begin = loop.clock().steady();
  std::unique_ptr<Server> server(new Server);
  server->state_ = std::make_unique<State>(loop);
  auto& state = *server->state_;
  state.options = std::move(options);
  metrics::add_process_metrics(state.metrics);
  raise_open_files();
  for (const auto& text : state.options.egress_allowed) {
    auto range = names::Range::parse(text);
    if (!range || !range->first.is_v4()) {
      return fail(ErrorCode::InvalidArgument, "--egress-allow " + text + ": this is no IPv4 range such as 10.1.0.0/16");
    }
    state.egress_allowed.push_back(*range);
  }
  // What needs privilege comes first, and what has threads after it is gone.
  VIRGA_TRY(state.prepare_data());
  VIRGA_TRY_ASSIGN(state.options.runtimes_directory, find_runtimes(state.options.runtimes_directory));
  VIRGA_TRY_ASSIGN(auto runtimes, runtime::Runtimes::load(state.options.runtimes_directory));
  state.runtimes.emplace(std::move(runtimes));
  VIRGA_TRY(state.listen());
  sandbox::Helper::Options helping;
  helping.state_directory = state.options.data_directory;
  helping.privilege = state.options.privilege;
  helping.owner = state.user.user;
  helping.egress_allowed = state.options.egress_allowed;
  helping.services_port = state.services_port();
  helping.writable_folders = {state.options.data_directory};
  helping.readable_folders = {state.options.runtimes_directory};
  VIRGA_TRY_ASSIGN(state.sandboxes, runtime::Sandboxes::create(loop, helping));
  VIRGA_TRY(state.give_up_privilege());
  state.workers = std::make_unique<io::Workers>(2);
  state.logs.emplace(loop);
  VIRGA_TRY(state.open_data());
  VIRGA_TRY(state.build());
  // The threads that write and compact are made by now. Their work must not stand between a request and the loop.
  os::set_slice(kLoopSlice);
  state.is_ready = true;
  state.ready_time = std::chrono::duration_cast<std::chrono::milliseconds>(loop.clock().steady() - begin);
  return server;
}

std::uint16_t Server::port() const {
  return state_->port;
}
std::string Server::url() const {
  return state_->url;
}
const std::string& Server::key_id() const {
  return state_->key.id;
}
const std::string& Server::secret_key() const {
  return state_->key.secret;
}
std::string Server::key_file() const {
  return state_->key.file;
}
std::chrono::milliseconds Server::ready_time() const {
  return state_->ready_time;
}
const std::string& Server::user() const {
  return state_->user.name;
}
bool Server::is_root() const {
  return state_->sandboxes->is_root();
}

io::Task<void> Server::stop() {
  state_->is_ready = false;
  // Calls end before the connections that wait for them.
  state_->services->close();
  co_await state_->dispatcher->stop();
  co_await state_->services->end_sending();
  co_await state_->http->stop(kGrace);
  co_await state_->doors->stop();
  co_await state_->services->stop();
  state_->tree_check->end();
  state_->preparer->end();
  co_await state_->stems->stop();
  co_await state_->templates->stop();
  auto ended = co_await state_->template_maker->stop();
  (void)ended;
  co_await state_->sandboxes->stop();
  co_await state_->names->stop();
  co_await state_->tree_check->stop();
  co_await state_->preparer->stop();
}

}  // namespace virga::server
