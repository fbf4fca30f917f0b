#include "virga/cli/manifest.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <filesystem>
#include <span>

#include "virga/base/encoding.h"
#include "virga/base/problems.h"
#include "virga/cli/detect.h"
#include "virga/os/file.h"

namespace virga::cli {

namespace {

namespace json = boost::json;

constexpr auto kFile = "virga.json";
constexpr std::size_t kMaxEnvironment = 4096;  // bytes, names and values (AWS Lambda quotas)

std::string_view kind_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "true or false";
    case json::kind::string:
      return "a string";
    case json::kind::array:
      return "an array";
    case json::kind::object:
      return "an object";
    default:
      return "a number";
  }
}

// One object of the file and the way to it, for messages.
struct Place {
  const json::object& object;
  const std::string& file;
  std::string path;  // "functions.resize"

  std::string path_of(std::string_view member) const {
    return path.empty() ? std::string(member) : path + "." + std::string(member);
  }
  std::unexpected<Error> refuse(std::string_view member, std::string_view why) const {
    return fail(problem::kManifestMember, fmt::format("{}: {}: {}", file, path_of(member), why));
  }
  std::unexpected<Error> refuse_kind(std::string_view member, const json::value& value, std::string_view wanted) const {
    return refuse(member, fmt::format("it must be {}, and it is {}", wanted, kind_of(value)));
  }
};

Result<> check_members(const Place& place, std::span<const std::string_view> known) {
  for (const auto& member : place.object) {
    if (std::ranges::find(known, std::string_view(member.key())) != known.end()) continue;
    return place.refuse(member.key(), fmt::format("there is no such member here. Known: {}", fmt::join(known, ", ")));
  }
  return {};
}

Result<std::optional<std::string>> text(const Place& place, std::string_view member) {
  const auto* value = place.object.if_contains(member);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) return place.refuse_kind(member, *value, "a string");
  return std::string(value->get_string());
}

Result<std::optional<std::int64_t>> number(const Place& place, std::string_view member, std::int64_t least,
                                           std::int64_t most) {
  const auto* value = place.object.if_contains(member);
  if (value == nullptr) return std::nullopt;
  if (!value->is_int64())
    return place.refuse_kind(member, *value, fmt::format("a whole number from {} to {}", least, most));
  auto given = value->get_int64();
  if (given < least || given > most) {
    return place.refuse(member, fmt::format("{} is outside of {} to {}", given, least, most));
  }
  return given;
}

Result<bool> flag(const Place& place, std::string_view member, bool otherwise) {
  const auto* value = place.object.if_contains(member);
  if (value == nullptr) return otherwise;
  if (!value->is_bool()) return place.refuse_kind(member, *value, "true or false");
  return value->get_bool();
}

template <typename T>
Result<T> choice(const Place& place, std::string_view member, std::span<const std::pair<std::string_view, T>> choices,
                 T otherwise) {
  VIRGA_TRY_ASSIGN(auto given, text(place, member));
  if (!given) return otherwise;
  std::string names;
  for (const auto& [name, value] : choices) {
    if (name == *given) return value;
    names += (names.empty() ? "\"" : "\" or \"") + std::string(name);
  }
  return place.refuse(member, fmt::format("'{}' is none of {}\"", *given, names));
}

Result<std::map<std::string, std::string>> environment(const Place& place) {
  std::map<std::string, std::string> variables;
  const auto* value = place.object.if_contains("environment");
  if (value == nullptr) return variables;
  if (!value->is_object()) return place.refuse_kind("environment", *value, "an object of strings");
  Place inner{value->get_object(), place.file, place.path_of("environment")};
  std::size_t bytes = 0;
  for (const auto& member : inner.object) {
    std::string_view name = member.key();
    if (!member.value().is_string()) return inner.refuse_kind(name, member.value(), "a string");
    bytes += name.size() + member.value().get_string().size();
    variables.emplace(name, std::string(member.value().get_string()));
  }
  if (bytes > kMaxEnvironment) {
    return place.refuse("environment", fmt::format("{} bytes are more than {}", bytes, kMaxEnvironment));
  }
  return variables;
}

Result<std::optional<UrlManifest>> url(const Place& place) {
  const auto* value = place.object.if_contains("url");
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) return place.refuse_kind("url", *value, R"(an object such as {"auth": "NONE"})");
  Place inner{value->get_object(), place.file, place.path_of("url")};
  static constexpr std::array<std::string_view, 2> kKnown = {"auth", "mode"};
  VIRGA_TRY(check_members(inner, kKnown));
  static constexpr std::array<std::pair<std::string_view, UrlAuth>, 2> kAuth = {
      {{"NONE", UrlAuth::None}, {"AWS_IAM", UrlAuth::Iam}}};
  static constexpr std::array<std::pair<std::string_view, UrlMode>, 2> kMode = {
      {{"BUFFERED", UrlMode::Buffered}, {"RESPONSE_STREAM", UrlMode::ResponseStream}}};
  UrlManifest result;
  VIRGA_TRY_ASSIGN(result.auth, choice<UrlAuth>(inner, "auth", kAuth, UrlAuth::Iam));
  VIRGA_TRY_ASSIGN(result.mode, choice<UrlMode>(inner, "mode", kMode, UrlMode::Buffered));
  return result;
}

// The path of the code below the folder of virga.json.
Result<std::string> code(const Place& place, const std::string& directory) {
  VIRGA_TRY_ASSIGN(auto given, text(place, "code"));
  std::filesystem::path path = given.value_or(".");
  auto normal = path.lexically_normal();
  if (path.empty() || path.is_absolute() || *normal.begin() == "..") {
    return place.refuse("code", fmt::format("'{}' must be a path relative to {} and below it", path.string(), kFile));
  }
  auto found = normal == "." ? directory : directory + "/" + normal.string();
  struct stat status{};
  if (::stat(found.c_str(), &status) != 0) return place.refuse("code", "there is no file or folder '" + found + "'");
  return found;
}

Result<FunctionManifest> function(const Place& place, std::string name, const std::string& directory) {
  static constexpr std::array<std::string_view, 12> kKnown = {"runtime", "handler", "code",        "description",
                                                              "timeout", "memory",  "tmp",         "environment",
                                                              "network", "url",     "concurrency", "templates"};
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kNetworks = {
      {{"none", "none"}, {"lo", "lo"}, {"egress", "egress"}}};
  VIRGA_TRY(check_members(place, kKnown));
  FunctionManifest result;
  result.name = std::move(name);
  VIRGA_TRY_ASSIGN(result.code, code(place, directory));
  VIRGA_TRY_ASSIGN(auto runtime, text(place, "runtime"));
  VIRGA_TRY_ASSIGN(auto handler, text(place, "handler"));
  VIRGA_TRY_ASSIGN(auto description, text(place, "description"));
  VIRGA_TRY_ASSIGN(auto timeout, number(place, "timeout", 1, 900));
  VIRGA_TRY_ASSIGN(auto memory, number(place, "memory", 128, 10240));
  VIRGA_TRY_ASSIGN(auto tmp, number(place, "tmp", 512, 10240));
  VIRGA_TRY_ASSIGN(auto network, choice<std::string_view>(place, "network", kNetworks, "lo"));
  VIRGA_TRY_ASSIGN(auto concurrency, number(place, "concurrency", 1, 1600));
  VIRGA_TRY_ASSIGN(result.templates, flag(place, "templates", true));
  VIRGA_TRY_ASSIGN(result.environment, environment(place));
  VIRGA_TRY_ASSIGN(result.url, url(place));
  result.description = description.value_or("");
  result.timeout = timeout.value_or(3);
  result.memory = memory.value_or(128);
  result.tmp = tmp.value_or(512);
  result.network = network;
  result.concurrency = concurrency.value_or(1);
  result.remove_url = !result.url;
  result.runtime = runtime.value_or("");
  result.handler = handler.value_or("");
  const auto* missing = result.runtime.empty() ? "runtime" : "handler";
  if (auto completed = complete(result); !completed) return place.refuse(missing, completed.error().message());
  return result;
}

// "LINE:COLUMN" of a byte, both from 1.
std::string position(std::string_view text, std::size_t offset) {
  auto before = text.substr(0, offset);
  auto line = std::ranges::count(before, '\n') + 1;
  auto start = before.rfind('\n');
  return fmt::format("{}:{}", line, start == std::string_view::npos ? offset + 1 : offset - start);
}

Result<json::value> parse(std::string_view text, const std::string& file) {
  json::stream_parser parser;
  boost::system::error_code error;
  std::size_t used = parser.write_some(text.data(), text.size(), error);
  if (!error && used < text.size()) {
    auto rest = text.find_first_not_of(" \t\r\n", used);
    if (rest != std::string_view::npos) {
      return fail(problem::kManifestNoJson,
                  fmt::format("{}:{}: nothing may follow the closing brace", file, position(text, rest)));
    }
  }
  if (!error) parser.finish(error);
  if (error) {
    return fail(problem::kManifestNoJson,
                fmt::format("{}:{}: this is no JSON: {}", file, position(text, used), error.message()));
  }
  return parser.release();
}

}  // namespace

bool is_function_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

Result<Manifest> parse_manifest(std::string_view text, const std::string& file, const std::string& directory) {
  VIRGA_TRY_ASSIGN(auto parsed, parse(text, file));
  if (!parsed.is_object()) {
    return fail(problem::kManifestMember, fmt::format("{}: it must be an object, and it is {}", file, kind_of(parsed)));
  }
  Place top{parsed.get_object(), file, ""};
  static constexpr std::array<std::string_view, 1> kKnown = {"functions"};
  VIRGA_TRY(check_members(top, kKnown));
  const auto* functions = top.object.if_contains("functions");
  if (functions == nullptr) return top.refuse("functions", "it is missing; it is an object of functions by name");
  if (!functions->is_object()) return top.refuse_kind("functions", *functions, "an object of functions by name");
  if (functions->get_object().empty()) return top.refuse("functions", "it names no function");
  Place list{functions->get_object(), file, "functions"};
  Manifest manifest;
  for (const auto& member : list.object) {
    std::string name(member.key());
    if (!is_function_name(name)) {
      return list.refuse(name, "a function's name has 1 to 64 characters out of a-z A-Z 0-9 - _");
    }
    if (!member.value().is_object()) return list.refuse_kind(name, member.value(), "an object");
    Place place{member.value().get_object(), file, list.path_of(name)};
    VIRGA_TRY_ASSIGN(auto one, function(place, name, directory));
    manifest.functions.push_back(std::move(one));
  }
  return manifest;
}

Result<> complete(FunctionManifest& function) {
  if (!function.runtime.empty() && !function.handler.empty()) return {};
  VIRGA_TRY_ASSIGN(auto detected, detect(function.code, function.runtime));
  function.runtime = detected.runtime;
  if (function.handler.empty()) function.handler = detected.handler;
  return {};
}

Result<FunctionManifest> name_function(const std::string& path, const std::string& name) {
  FunctionManifest result;
  result.code = path;
  result.name = name;
  if (name.empty()) {
    std::error_code error;
    auto absolute = std::filesystem::weakly_canonical(path, error);
    result.name = std::filesystem::is_directory(absolute, error) ? absolute.filename() : absolute.stem();
  }
  if (!is_function_name(result.name)) {
    return fail(problem::kFunctionName,
                fmt::format("'{}' cannot name a function (1 to 64 characters out of a-z A-Z 0-9 - _): give --name NAME",
                            result.name));
  }
  return result;
}

Result<Manifest> read_manifest(const std::string& directory) {
  struct stat status{};
  if (::stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return fail(problem::kNoSuchPath, "there is no folder '" + directory + "'");
  }
  auto file = directory + "/" + kFile;
  auto text = os::read_file(file);
  if (text) return parse_manifest(*text, file, directory);
  if (text.error().code() != ErrorCode::NotFound) return fail(std::move(text).error());
  Manifest manifest;
  manifest.is_detected = true;
  VIRGA_TRY_ASSIGN(auto one, name_function(directory, ""));
  VIRGA_TRY(complete(one));
  manifest.functions.push_back(std::move(one));
  return manifest;
}

}  // namespace virga::cli
