#include "virga/sandbox/internal/request.h"

#include <gtest/gtest.h>

#include "virga/sandbox/internal/report.h"

namespace virga::sandbox::wire {
namespace {

Request full_request() {
  Request request;
  request.kind = RequestKind::Start;
  request.channels = kHasOutput | kHasErrors;
  Spec& spec = request.spec;
  spec.id = 7;
  spec.code_directory = "/srv/code";
  spec.layer_directories = {"/srv/layer1", "/srv/layer2"};
  spec.runtime_directory = "/srv/runtime";
  spec.output_directory = "/srv/out";
  spec.arguments = {"/usr/bin/node", "", "a b"};
  spec.environment = {"A=1", "B=x=y", "EMPTY="};
  spec.working_directory = "/tmp";
  spec.limits = {.memory_bytes = 512u << 20,
                 .cpus = 0.29,
                 .init_cpus = 2,
                 .processes = 10,
                 .open_files = 100,
                 .tmp_bytes = 1 << 20};
  spec.network = Network::Egress;
  spec.runtime_api_listener = true;
  return request;
}

TEST(SandboxRequest, ComesBackAsItWasSent) {
  Request sent = full_request();
  auto received = decode_request(encode(sent));
  ASSERT_TRUE(received) << received.error().message();
  EXPECT_EQ(received->channels, sent.channels);
  EXPECT_EQ(received->spec.id, sent.spec.id);
  EXPECT_EQ(received->spec.layer_directories, sent.spec.layer_directories);
  EXPECT_EQ(received->spec.arguments, sent.spec.arguments);
  EXPECT_EQ(received->spec.environment, sent.spec.environment);
  EXPECT_EQ(received->spec.limits.cpus, sent.spec.limits.cpus);
  EXPECT_EQ(received->spec.network, sent.spec.network);
  EXPECT_TRUE(received->spec.runtime_api_listener);
  EXPECT_EQ(encode(*received), encode(sent));
}

TEST(SandboxRequest, RefusesEveryShorterAndLongerForm) {
  std::string bytes = encode(full_request());
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode_request(bytes.substr(0, size))) << size;
  EXPECT_FALSE(decode_request(bytes + '\0'));
}

TEST(SandboxRequest, SurvivesEveryChangedByte) {
  std::string bytes = encode(full_request());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (unsigned char mask : {0x01, 0x80, 0xff}) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ mask);
      auto received = decode_request(changed);  // refused, or something that passes its own checks
      if (received && received->kind == RequestKind::Start) EXPECT_TRUE(validate(received->spec));
    }
  }
}

Request full_binding() {
  Request request;
  request.kind = RequestKind::Bind;
  Spec& spec = request.spec;
  spec.id = 8;
  spec.code_directory = "/srv/code";
  spec.layer_directories = {"/srv/layer1", "/srv/layer2"};
  spec.limits = {.memory_bytes = 256u << 20, .cpus = 0.5, .init_cpus = 1, .tmp_bytes = 1 << 20};
  spec.network = Network::Egress;
  return request;
}

TEST(SandboxRequest, ABindingComesBackAsItWasSent) {
  Request sent = full_binding();
  auto received = decode_request(encode(sent));
  ASSERT_TRUE(received) << received.error().message();
  EXPECT_EQ(received->kind, RequestKind::Bind);
  EXPECT_EQ(received->spec.code_directory, sent.spec.code_directory);
  EXPECT_EQ(received->spec.layer_directories, sent.spec.layer_directories);
  EXPECT_EQ(received->spec.limits.memory_bytes, sent.spec.limits.memory_bytes);
  EXPECT_EQ(received->spec.limits.tmp_bytes, sent.spec.limits.tmp_bytes);
  EXPECT_EQ(received->spec.network, sent.spec.network);
  EXPECT_EQ(encode(*received), encode(sent));
}

TEST(SandboxRequest, ABindingIsRefusedInEveryShorterAndLongerForm) {
  std::string bytes = encode(full_binding());
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode_request(bytes.substr(0, size))) << size;
  EXPECT_FALSE(decode_request(bytes + '\0'));
}

TEST(SandboxRequest, ABindingSurvivesEveryChangedByte) {
  std::string bytes = encode(full_binding());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (unsigned char mask : {0x01, 0x80, 0xff}) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ mask);
      auto received = decode_request(changed);
      if (received && received->kind == RequestKind::Bind) EXPECT_TRUE(validate_binding(received->spec));
    }
  }
}

TEST(SandboxRequest, CarriesOnlyTheIdOfAKill) {
  Request request;
  request.kind = RequestKind::Kill;
  request.spec.id = 99;
  auto received = decode_request(encode(request));
  ASSERT_TRUE(received);
  EXPECT_EQ(received->kind, RequestKind::Kill);
  EXPECT_EQ(received->spec.id, 99u);
}

struct BadSpec {
  const char* name;
  void (*spoil)(Spec&);
};

TEST(SandboxRequest, RefusesWhatASandboxCannotBe) {
  const BadSpec cases[] = {
      {"id 0", [](Spec& spec) { spec.id = 0; }},
      {"relative code folder", [](Spec& spec) { spec.code_directory = "code"; }},
      {"code folder with ..", [](Spec& spec) { spec.code_directory = "/srv/../etc"; }},
      {"code folder with a zero byte", [](Spec& spec) { spec.code_directory = std::string("/srv/\0x", 7); }},
      {"six layers", [](Spec& spec) { spec.layer_directories.assign(6, "/srv/layer"); }},
      {"no program", [](Spec& spec) { spec.arguments.clear(); }},
      {"relative program", [](Spec& spec) { spec.arguments = {"node"}; }},
      {"variable without =", [](Spec& spec) { spec.environment = {"NAME"}; }},
      {"variable without name", [](Spec& spec) { spec.environment = {"=x"}; }},
      {"empty variable", [](Spec& spec) { spec.environment = {""}; }},
      {"too little memory", [](Spec& spec) { spec.limits.memory_bytes = 1; }},
      {"negative CPU", [](Spec& spec) { spec.limits.cpus = -1; }},
      {"CPU that is no number", [](Spec& spec) { spec.limits.init_cpus = __builtin_nan(""); }},
      {"no processes", [](Spec& spec) { spec.limits.processes = 0; }},
      {"listener without a network", [](Spec& spec) { spec.network = Network::None; }},
  };
  for (const auto& bad : cases) {
    Request request = full_request();
    bad.spoil(request.spec);
    EXPECT_FALSE(validate(request.spec)) << bad.name;
    EXPECT_FALSE(decode_request(encode(request))) << bad.name;
  }
}

TEST(SandboxRequest, RefusesAStemThatHasATask) {
  const BadSpec cases[] = {
      {"code", [](Spec& spec) { spec.code_directory = "/srv/code"; }},
      {"a layer", [](Spec& spec) { spec.layer_directories = {"/srv/layer"}; }},
      {"an output folder", [](Spec& spec) { spec.output_directory = "/srv/out"; }},
      {"a way out", [](Spec& spec) { spec.network = Network::Egress; }},
      {"no network", [](Spec& spec) { spec.network = Network::None; }},
      {"a listener", [](Spec& spec) { spec.runtime_api_listener = true; }},
  };
  Request stem;
  stem.spec.id = 9;
  stem.spec.arguments = {"/usr/bin/node"};
  stem.spec.stage = Stage::Stem;
  auto received = decode_request(encode(stem));
  ASSERT_TRUE(received) << received.error().message();
  EXPECT_EQ(received->spec.stage, Stage::Stem);
  for (const auto& bad : cases) {
    Request request = stem;
    bad.spoil(request.spec);
    EXPECT_FALSE(decode_request(encode(request))) << bad.name;
  }
}

TEST(SandboxRequest, RefusesABindingThatAStemCannotTake) {
  const BadSpec cases[] = {
      {"id 0", [](Spec& spec) { spec.id = 0; }},
      {"relative code folder", [](Spec& spec) { spec.code_directory = "code"; }},
      {"layer with ..", [](Spec& spec) { spec.layer_directories = {"/srv/../etc"}; }},
      {"six layers", [](Spec& spec) { spec.layer_directories.assign(6, "/srv/layer"); }},
      {"too little memory", [](Spec& spec) { spec.limits.memory_bytes = 1; }},
      {"no network", [](Spec& spec) { spec.network = Network::None; }},
  };
  for (const auto& bad : cases) {
    Request request = full_binding();
    bad.spoil(request.spec);
    EXPECT_FALSE(validate_binding(request.spec)) << bad.name;
    EXPECT_FALSE(decode_request(encode(request))) << bad.name;
  }
}

Request full_fork() {
  Request request{.kind = RequestKind::Fork, .channels = kHasFrames | kHasOutput | kHasErrors, .of = 7};
  request.spec.id = 8;
  request.spec.limits = {
      .memory_bytes = 256u << 20, .cpus = 0.5, .init_cpus = 1, .open_files = 64, .tmp_bytes = 1 << 20};
  return request;
}

TEST(SandboxRequest, AForkComesBackAsItWasSent) {
  Request sent = full_fork();
  std::string bytes = encode(sent);
  auto received = decode_request(bytes);
  ASSERT_TRUE(received) << received.error().message();
  EXPECT_EQ(received->kind, RequestKind::Fork);
  EXPECT_EQ(received->of, 7u);
  EXPECT_EQ(received->spec.id, 8u);
  EXPECT_EQ(received->channels, sent.channels);
  EXPECT_EQ(received->spec.limits.open_files, 64u);
  EXPECT_EQ(encode(*received), bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode_request(bytes.substr(0, size))) << size;
  EXPECT_FALSE(decode_request(bytes + '\0'));
}

TEST(SandboxRequest, RefusesAForkThatCannotBe) {
  struct Bad {
    const char* name;
    void (*spoil)(Request&);
  };
  const Bad cases[] = {
      {"id 0", [](Request& request) { request.spec.id = 0; }},
      {"of 0", [](Request& request) { request.of = 0; }},
      {"of itself", [](Request& request) { request.of = request.spec.id; }},
      {"unknown channels", [](Request& request) { request.channels = 16; }},
      {"too little memory", [](Request& request) { request.spec.limits.memory_bytes = 1; }},
  };
  for (const auto& bad : cases) {
    Request request = full_fork();
    bad.spoil(request);
    EXPECT_FALSE(decode_request(encode(request))) << bad.name;
  }
}

TEST(SandboxRequest, ATemplateIsWholeButHasNoOutputFolder) {
  Request request = full_request();
  request.spec.stage = Stage::Template;
  EXPECT_FALSE(decode_request(encode(request)));
  request.spec.output_directory.clear();
  auto received = decode_request(encode(request));
  ASSERT_TRUE(received) << received.error().message();
  EXPECT_EQ(received->spec.stage, Stage::Template);
  EXPECT_EQ(received->spec.code_directory, request.spec.code_directory);
}

TEST(SandboxReport, ComesBackAsItWasSent) {
  Phases phases;
  phases.mounts = std::chrono::microseconds(12);
  phases.total = std::chrono::microseconds(34);
  auto started = decode_report(encode(Started{5, {}, phases}));
  ASSERT_TRUE(started);
  EXPECT_EQ(std::get<Started>(*started).phases, phases);

  auto failed = decode_report(encode(StartFailed{6, Error(ErrorCode::NotFound, "start /bin/x: No such file")}));
  ASSERT_TRUE(failed);
  EXPECT_EQ(std::get<StartFailed>(*failed).error, Error(ErrorCode::NotFound, "start /bin/x: No such file"));

  auto bound = decode_report(encode(Bound{5, phases}));
  ASSERT_TRUE(bound);
  EXPECT_EQ(std::get<Bound>(*bound).phases, phases);

  auto unbound = decode_report(encode(BindFailed{6, Error(ErrorCode::Conflict, "only once")}));
  ASSERT_TRUE(unbound);
  EXPECT_EQ(std::get<BindFailed>(*unbound).error, Error(ErrorCode::Conflict, "only once"));

  auto ended = decode_report(encode(Ended{.id = 7, .reason = EndReason::OutOfMemory, .status = 9, .oom_kills = 2}));
  ASSERT_TRUE(ended);
  EXPECT_EQ(std::get<Ended>(*ended).reason, EndReason::OutOfMemory);
  EXPECT_EQ(std::get<Ended>(*ended).oom_kills, 2u);
  EXPECT_FALSE(decode_report(encode(Usage{}).substr(1)));
}

}  // namespace
}  // namespace virga::sandbox::wire
