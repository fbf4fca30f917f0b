#include "virga/sandbox/internal/request.h"

#include <cmath>

#include "virga/sandbox/internal/wire.h"

namespace virga::sandbox::wire {
namespace {

constexpr std::uint32_t kMagic = 0x31475256;  // "VRG1"
constexpr std::uint32_t kAllChannels = kHasFrames | kHasOutput | kHasErrors | kHasInput;
constexpr std::uint32_t kListener = 1;
constexpr std::uint32_t kStem = 2;
constexpr std::uint32_t kTemplate = 4;

std::unexpected<Error> refuse(std::string message) {
  return fail(ErrorCode::InvalidArgument, std::move(message));
}

// An absolute path without "." and ".." parts, which open() could read differently from what was checked.
Result<> check_path(std::string_view what, std::string_view path) {
  if (path.empty() || path.front() != '/') {
    return refuse(std::string(what) + " must be an absolute path: \"" + std::string(path) + "\"");
  }
  if (path.size() > kMaxPathBytes) return refuse(std::string(what) + " is longer than 4095 bytes");
  if (path.find('\0') != path.npos) return refuse(std::string(what) + " has a zero byte in it");
  std::size_t begin = 1;
  while (begin <= path.size()) {
    std::size_t end = std::min(path.find('/', begin), path.size());
    auto part = path.substr(begin, end - begin);
    if (part == "." || part == "..") {
      return refuse(std::string(what) + " must not contain \".\" or \"..\" parts: \"" + std::string(path) + "\"");
    }
    begin = end + 1;
  }
  return {};
}

Result<> check_text(std::string_view what, std::string_view text) {
  if (text.size() > kMaxTextBytes) return refuse(std::string(what) + " is longer than 128 KiB");
  if (text.find('\0') != text.npos) return refuse(std::string(what) + " has a zero byte in it");
  return {};
}

Result<> check_limits(const Limits& limits) {
  if (limits.memory_bytes < (4u << 20) || limits.memory_bytes > (1ull << 46)) {
    return refuse("the memory limit must lie between 4 MiB and 64 TiB");
  }
  for (double cpus : {limits.cpus, limits.init_cpus}) {
    if (!std::isfinite(cpus) || cpus < 0 || cpus > 4096) return refuse("a CPU quota must lie between 0 and 4096 cores");
  }
  if (limits.processes < 1 || limits.processes > (1u << 20)) {
    return refuse("the process limit must lie between 1 and 1048576");
  }
  if (limits.open_files < 8 || limits.open_files > (1u << 20)) {
    return refuse("the limit of open files must lie between 8 and 1048576");
  }
  if (limits.tmp_bytes < (1u << 16) || limits.tmp_bytes > (1ull << 46)) {
    return refuse("the size of /tmp must lie between 64 KiB and 64 TiB");
  }
  return {};
}

// What a start and a binding have in common.
Result<> check_task(const Spec& spec) {
  if (spec.id == 0) return refuse("a sandbox's id must not be 0");
  if (!spec.code_directory.empty()) VIRGA_TRY(check_path("the code folder", spec.code_directory));
  if (spec.layer_directories.size() > kMaxLayers) return refuse("a sandbox has at most 5 layers");
  for (const auto& layer : spec.layer_directories) VIRGA_TRY(check_path("a layer's folder", layer));
  VIRGA_TRY(check_limits(spec.limits));
  if (spec.network > Network::Egress) return refuse("this network mode is unknown");
  return {};
}

Result<> check_stem(const Spec& spec) {
  bool has_task = !spec.code_directory.empty() || !spec.layer_directories.empty() || !spec.output_directory.empty();
  if (has_task) return refuse("a stem has no code, no layers and no output folder before it is bound");
  if (spec.network != Network::Loopback || spec.runtime_api_listener) {
    return refuse("a stem has the loopback network and no listener");
  }
  return {};
}

void put_limits(Writer& writer, const Limits& limits) {
  writer.put(limits.memory_bytes);
  writer.put(limits.cpus);
  writer.put(limits.init_cpus);
  writer.put(limits.processes);
  writer.put(limits.open_files);
  writer.put(limits.tmp_bytes);
}

void get_limits(Reader& reader, Limits& limits) {
  limits.memory_bytes = reader.get<std::uint64_t>();
  limits.cpus = reader.get<double>();
  limits.init_cpus = reader.get<double>();
  limits.processes = reader.get<std::uint32_t>();
  limits.open_files = reader.get<std::uint32_t>();
  limits.tmp_bytes = reader.get<std::uint64_t>();
}

void put_list(Writer& writer, const std::vector<std::string>& list) {
  writer.put(static_cast<std::uint32_t>(list.size()));
  for (const auto& text : list) writer.put(text);
}

Result<std::vector<std::string>> get_list(Reader& reader, std::size_t most, std::size_t longest) {
  auto count = reader.get<std::uint32_t>();
  if (count > most) return refuse("a request's list is too long");
  std::vector<std::string> list;
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i) list.push_back(reader.text(longest));
  return list;
}

void put_start(Writer& writer, const Request& request) {
  const Spec& spec = request.spec;
  writer.put(request.channels);
  writer.put(static_cast<std::uint32_t>(spec.network));
  writer.put((spec.runtime_api_listener ? kListener : 0) | (spec.stage == Stage::Stem ? kStem : 0) |
             (spec.stage == Stage::Template ? kTemplate : 0));
  put_limits(writer, spec.limits);
  writer.put(spec.code_directory);
  writer.put(spec.runtime_directory);
  writer.put(spec.output_directory);
  writer.put(spec.working_directory);
  for (const auto* list : {&spec.layer_directories, &spec.arguments, &spec.environment}) put_list(writer, *list);
}

Result<> get_start(Reader& reader, Request& request) {
  Spec& spec = request.spec;
  request.channels = reader.get<std::uint32_t>();
  auto network = reader.get<std::uint32_t>();
  auto flags = reader.get<std::uint32_t>();
  if (request.channels > kAllChannels || network > static_cast<std::uint32_t>(Network::Egress) ||
      flags > (kListener | kTemplate) || (flags & (kStem | kTemplate)) == (kStem | kTemplate)) {
    return refuse("a request has unknown flags");
  }
  spec.network = static_cast<Network>(network);
  spec.runtime_api_listener = (flags & kListener) != 0;
  spec.stage = (flags & kStem) != 0 ? Stage::Stem : (flags & kTemplate) != 0 ? Stage::Template : Stage::Whole;
  get_limits(reader, spec.limits);
  spec.code_directory = reader.text(kMaxPathBytes);
  spec.runtime_directory = reader.text(kMaxPathBytes);
  spec.output_directory = reader.text(kMaxPathBytes);
  spec.working_directory = reader.text(kMaxPathBytes);
  VIRGA_TRY_ASSIGN(spec.layer_directories, get_list(reader, kMaxLayers, kMaxPathBytes));
  VIRGA_TRY_ASSIGN(spec.arguments, get_list(reader, kMaxArguments, kMaxTextBytes));
  VIRGA_TRY_ASSIGN(spec.environment, get_list(reader, kMaxVariables, kMaxTextBytes));
  return {};
}

void put_binding(Writer& writer, const Spec& spec) {
  writer.put(static_cast<std::uint32_t>(spec.network));
  put_limits(writer, spec.limits);
  writer.put(spec.code_directory);
  put_list(writer, spec.layer_directories);
}

Result<> get_binding(Reader& reader, Spec& spec) {
  auto network = reader.get<std::uint32_t>();
  if (network > static_cast<std::uint32_t>(Network::Egress)) return refuse("a request has unknown flags");
  spec.network = static_cast<Network>(network);
  get_limits(reader, spec.limits);
  spec.code_directory = reader.text(kMaxPathBytes);
  VIRGA_TRY_ASSIGN(spec.layer_directories, get_list(reader, kMaxLayers, kMaxPathBytes));
  return {};
}

void put_fork(Writer& writer, const Request& request) {
  writer.put(request.of);
  writer.put(request.channels);
  put_limits(writer, request.spec.limits);
}

Result<> get_fork(Reader& reader, Request& request) {
  request.of = reader.get<std::uint64_t>();
  request.channels = reader.get<std::uint32_t>();
  if (request.channels > kAllChannels) return refuse("a request has unknown flags");
  get_limits(reader, request.spec.limits);
  return {};
}

}  // namespace

Result<> validate(const Spec& spec) {
  VIRGA_TRY(check_task(spec));
  if (!spec.runtime_directory.empty()) VIRGA_TRY(check_path("the runtime's folder", spec.runtime_directory));
  if (!spec.output_directory.empty()) VIRGA_TRY(check_path("the output folder", spec.output_directory));
  if (spec.arguments.empty()) return refuse("there is no program to start: arguments are empty");
  VIRGA_TRY(check_path("the program", spec.arguments.front()));
  if (spec.arguments.size() > kMaxArguments) return refuse("a program takes at most 512 arguments");
  for (const auto& argument : spec.arguments) VIRGA_TRY(check_text("an argument", argument));
  if (spec.environment.size() > kMaxVariables) return refuse("a sandbox takes at most 2048 environment variables");
  for (const auto& variable : spec.environment) {
    VIRGA_TRY(check_text("an environment variable", variable));
    if (variable.find('=') == variable.npos || variable.front() == '=') {
      return refuse("an environment variable must read NAME=value: \"" + variable.substr(0, 40) + "\"");
    }
  }
  VIRGA_TRY(check_path("the working folder", spec.working_directory));
  if (spec.runtime_api_listener && spec.network == Network::None) {
    return refuse("a runtime API listener needs the loopback network");
  }
  if (spec.stage == Stage::Stem) VIRGA_TRY(check_stem(spec));
  if (spec.stage == Stage::Template && !spec.output_directory.empty()) {
    return refuse("a template has no output folder");
  }
  return {};
}

Result<> validate_binding(const Spec& spec) {
  VIRGA_TRY(check_task(spec));
  if (spec.network == Network::None) return refuse("a stem cannot be bound to a task without a network");
  return {};
}

Result<> validate_fork(const Fork& fork) {
  if (fork.id == 0 || fork.of == 0) return refuse("a sandbox's id must not be 0");
  if (fork.id == fork.of) return refuse("a fork has an id of its own, not its template's");
  return check_limits(fork.limits);
}

std::string encode(const Request& request) {
  Writer writer;
  writer.put(kMagic);
  writer.put(static_cast<std::uint32_t>(request.kind));
  writer.put(request.spec.id);
  if (request.kind == RequestKind::Start) put_start(writer, request);
  if (request.kind == RequestKind::Bind) put_binding(writer, request.spec);
  if (request.kind == RequestKind::Fork) put_fork(writer, request);
  return writer.take();
}

Result<Request> decode_request(std::string_view bytes) {
  if (bytes.size() > kMaxRequestBytes) return refuse("a request is longer than 160 KiB");
  Reader reader(bytes);
  Request request;
  if (reader.get<std::uint32_t>() != kMagic) return refuse("a request does not begin with its mark");
  auto kind = reader.get<std::uint32_t>();
  if (kind < static_cast<std::uint32_t>(RequestKind::Start) || kind > static_cast<std::uint32_t>(RequestKind::Fork)) {
    return refuse("a request's kind is unknown");
  }
  request.kind = static_cast<RequestKind>(kind);
  request.spec.id = reader.get<std::uint64_t>();
  if (request.kind == RequestKind::Start) VIRGA_TRY(get_start(reader, request));
  if (request.kind == RequestKind::Bind) VIRGA_TRY(get_binding(reader, request.spec));
  if (request.kind == RequestKind::Fork) VIRGA_TRY(get_fork(reader, request));
  if (!reader.ok()) return refuse("a request was cut short");
  if (!reader.at_end()) return refuse("a request has bytes after its end");
  if (request.kind == RequestKind::Start) {
    VIRGA_TRY(validate(request.spec));
  } else if (request.kind == RequestKind::Bind) {
    VIRGA_TRY(validate_binding(request.spec));
  } else if (request.kind == RequestKind::Fork) {
    VIRGA_TRY(validate_fork({request.of, request.spec.id, request.spec.limits}));
  } else if (request.spec.id == 0) {
    return refuse("a sandbox's id must not be 0");
  }
  return request;
}

}  // namespace virga::sandbox::wire
