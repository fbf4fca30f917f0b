#include "virga/cli/deployment.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "virga/archive/pack.h"
#include "virga/archive/zip.h"
#include "virga/base/encoding.h"
#include "virga/base/hash.h"
#include "virga/base/problems.h"
#include "virga/os/file.h"

namespace virga::cli {

namespace {

namespace json = boost::json;

constexpr auto kApi = "2015-03-31";
constexpr auto kUrlApi = "2021-10-31";
constexpr auto kTagsApi = "2017-03-31";
// The tag that keeps a function from being forked (docs/templates.md), and its value.
constexpr auto kTemplatesTag = "virga:templates";
constexpr auto kTemplatesOff = "off";
// Lambda wants a role of every function; here it grants nothing.
constexpr auto kRole = "arn:aws:iam::000000000000:role/virga";
constexpr std::chrono::seconds kSettleTime{60};
constexpr std::chrono::milliseconds kPoll{20};

// The caller's fault, whichever code the archive's rules give it; and it says which function.
Result<std::string> zip(const FunctionManifest& function) {
  struct stat status{};
  if (::stat(function.code.c_str(), &status) != 0) {
    return fail(problem::kNoSuchPath, "there is no file or folder '" + function.code + "'");
  }
  Result<std::string> bytes;
  if (S_ISDIR(status.st_mode)) {
    bytes = archive::pack_directory(function.code, is_left_out);
  } else {
    bytes = os::read_file(function.code);
    if (bytes) {
      if (auto listing = archive::inspect(*bytes); !listing) bytes = std::unexpected(listing.error());
    }
  }
  if (!bytes) return fail(ErrorCode::InvalidArgument, function.code + ": " + bytes.error().message());
  return bytes;
}

json::object settings(const FunctionManifest& function) {
  json::object body = {{"Runtime", function.runtime}, {"Handler", function.handler}};
  if (function.description) body["Description"] = *function.description;
  if (function.timeout) body["Timeout"] = *function.timeout;
  if (function.memory) body["MemorySize"] = *function.memory;
  if (function.tmp) body["EphemeralStorage"] = json::object{{"Size", *function.tmp}};
  if (function.network && function.concurrency) {
    body["VirgaConfig"] = json::object{{"Network", *function.network}, {"Concurrency", *function.concurrency}};
  }
  if (function.environment) {
    json::object variables;
    for (const auto& [name, value] : *function.environment) variables[name] = value;
    body["Environment"] = json::object{{"Variables", std::move(variables)}};
  }
  return body;
}

// True if the function has these settings already, so that a deployment that changes nothing touches nothing.
bool has_settings(const json::value& current, const json::object& wanted) {
  const auto* have = current.if_object();
  if (have == nullptr) return false;
  for (const auto& member : wanted) {
    const auto* value = have->if_contains(member.key());
    if (value == nullptr && member.key() == "Environment") {
      if (!member.value().at("Variables").get_object().empty()) return false;
    } else if (value == nullptr || *value != member.value()) {
      return false;
    }
  }
  return true;
}

io::Task<Result<>> wait_until_settled(Client& client, std::string name) {
  auto deadline = io::Deadline::in(client.loop(), kSettleTime);
  auto target = function_target(kApi, name, "/configuration");
  while (true) {
    VIRGA_CO_TRY_ASSIGN(auto current, co_await client.call("GET", target));
    auto state = text_member(current, "State");
    auto update = text_member(current, "LastUpdateStatus");
    if (state == "Failed" || update == "Failed") {
      auto reason = text_member(current, state == "Failed" ? "StateReason" : "LastUpdateStatusReason");
      co_return fail(problem::kDeployFailed, fmt::format("{} could not be deployed: {}", name, reason));
    }
    if (state != "Pending" && update != "InProgress") co_return Result<>();
    if (client.loop().now() > deadline.time()) {
      co_return fail(problem::kDeployTooSlow,
                     fmt::format("{} is still {} after {} s", name, state, kSettleTime.count()));
    }
    auto next = io::Deadline::in(client.loop(), kPoll);
    co_await io::sleep_until(client.loop(), next);
  }
}

// Null when there is none.
io::Task<Result<json::value>> get(Client& client, std::string target) {
  auto found = co_await client.call("GET", target);
  if (!found && found.error().code() == ErrorCode::NotFound) co_return json::value();
  co_return found;
}

io::Task<Result<std::string>> set_url(Client& client, FunctionManifest function) {
  auto target = function_target(kUrlApi, function.name, "/url");
  VIRGA_CO_TRY_ASSIGN(auto current, co_await get(client, target));
  if (!function.url) {
    if (!current.is_null() && function.remove_url) {
      VIRGA_CO_TRY(co_await client.call("DELETE", target));
      co_return std::string();
    }
    co_return text_member(current, "FunctionUrl");
  }
  auto auth = function.url->auth == UrlAuth::None ? "NONE" : "AWS_IAM";
  auto mode = function.url->mode == UrlMode::Buffered ? "BUFFERED" : "RESPONSE_STREAM";
  if (text_member(current, "AuthType") != auth || text_member(current, "InvokeMode") != mode) {
    json::value body = json::object{{"AuthType", auth}, {"InvokeMode", mode}};
    auto method = current.is_null() ? "POST" : "PUT";
    VIRGA_CO_TRY_ASSIGN(current, co_await client.call(method, target, std::move(body)));
  }
  co_return text_member(current, "FunctionUrl");
}

io::Task<Result<>> create(Client& client, FunctionManifest function, std::string bytes) {
  auto body = settings(function);
  body["FunctionName"] = function.name;
  body["Role"] = kRole;
  body["Code"] = json::object{{"ZipFile", to_base64(bytes)}};
  if (function.templates == false) body["Tags"] = json::object{{kTemplatesTag, kTemplatesOff}};
  VIRGA_CO_TRY(co_await client.call("POST", fmt::format("/{}/functions", kApi), json::value(std::move(body))));
  co_return Result<>();
}

// Whether anything changed.
io::Task<Result<bool>> set_templates(Client& client, FunctionManifest function, std::string arn) {
  if (!function.templates) co_return false;
  auto target = fmt::format("/{}/tags/{}", kTagsApi, percent_encode(arn));
  VIRGA_CO_TRY_ASSIGN(auto current, co_await get(client, target));
  const auto* tags = current.is_object() ? current.get_object().if_contains("Tags") : nullptr;
  bool are_off = tags != nullptr && text_member(*tags, kTemplatesTag) == kTemplatesOff;
  if (are_off != *function.templates) co_return false;
  if (are_off) {
    VIRGA_CO_TRY(co_await client.call("DELETE", target + "?tagKeys=" + percent_encode(kTemplatesTag)));
  } else {
    json::value body = json::object{{"Tags", json::object{{kTemplatesTag, kTemplatesOff}}}};
    VIRGA_CO_TRY(co_await client.call("POST", target, std::move(body)));
  }
  co_return true;
}

// Whether anything changed. Settings and code go in one request, so that no call sees the one without the other.
io::Task<Result<bool>> update(Client& client, FunctionManifest function, std::string bytes, json::value current) {
  auto wanted = settings(function);
  bool same_settings = has_settings(current, wanted);
  auto digest = sha256(bytes);
  bool same_code = to_base64(as_view(digest)) == text_member(current, "CodeSha256");
  if (same_settings && same_code) co_return false;
  if (!same_code) wanted["ZipFile"] = to_base64(bytes);
  auto target = function_target(kApi, function.name, "/deployment");
  VIRGA_CO_TRY(co_await client.call("PUT", target, json::value(std::move(wanted))));
  co_return true;
}

}  // namespace

bool is_left_out(std::string_view path) {
  auto name = path.substr(path.rfind('/') + 1);
  return name == ".git" || name == ".virga" || name == "__pycache__";
}

std::string_view name_of(Change change) {
  switch (change) {
    case Change::Created:
      return "created";
    case Change::Updated:
      return "updated";
    case Change::Unchanged:
      return "unchanged";
  }
  return "";
}

io::Task<Result<Deployed>> deploy(Client& client, FunctionManifest function, Publish publish) {
  auto started = client.loop().clock().steady();
  VIRGA_CO_TRY_ASSIGN(auto bytes, zip(function));
  Deployed deployed;
  deployed.name = function.name;
  deployed.runtime = function.runtime;
  deployed.version = "$LATEST";
  deployed.zip_bytes = bytes.size();
  VIRGA_CO_TRY_ASSIGN(auto current, co_await get(client, function_target(kApi, function.name, "/configuration")));
  if (current.is_null()) {
    VIRGA_CO_TRY(co_await create(client, function, std::move(bytes)));
  } else {
    auto arn = text_member(current, "FunctionArn");
    VIRGA_CO_TRY_ASSIGN(bool changed, co_await update(client, function, std::move(bytes), std::move(current)));
    VIRGA_CO_TRY_ASSIGN(bool tagged, co_await set_templates(client, function, std::move(arn)));
    deployed.change = changed || tagged ? Change::Updated : Change::Unchanged;
  }
  VIRGA_CO_TRY(co_await wait_until_settled(client, function.name));
  if (publish == Publish::Yes) {
    auto target = function_target(kApi, function.name, "/versions");
    json::value nothing = json::object();
    VIRGA_CO_TRY_ASSIGN(auto version, co_await client.call("POST", target, std::move(nothing)));
    deployed.version = text_member(version, "Version");
  }
  VIRGA_CO_TRY_ASSIGN(deployed.url, co_await set_url(client, std::move(function)));
  auto time = client.loop().clock().steady() - started;
  deployed.time = std::chrono::duration_cast<std::chrono::milliseconds>(time);
  co_return std::move(deployed);
}

Table make_deployment_table() {
  return Table({{"FUNCTION"},
                {"RUNTIME"},
                {"VERSION"},
                {"ZIP", Align::Right},
                {"TIME", Align::Right},
                {""},
                {"URL", Align::Left, Narrow::Keep}});
}

void add(Table& table, const Deployed& deployed) {
  table.add({{deployed.name, Style::Bold},
             {deployed.runtime},
             {deployed.version},
             {format_size(deployed.zip_bytes)},
             {fmt::format("{} ms", deployed.time.count())},
             {std::string(name_of(deployed.change)), deployed.change == Change::Unchanged ? Style::Dim : Style::Green},
             {deployed.url.empty() ? "-" : deployed.url, Style::Cyan}});
}

json::object to_json(const Deployed& deployed) {
  return {{"name", deployed.name},      {"runtime", deployed.runtime},     {"version", deployed.version},
          {"url", deployed.url},        {"zip_bytes", deployed.zip_bytes}, {"change", name_of(deployed.change)},
          {"ms", deployed.time.count()}};
}

std::string format_size(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  if (bytes < 1'000'000) return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

std::string format_milliseconds(double milliseconds) {
  if (milliseconds >= 1000) return fmt::format("{:.2f} s", milliseconds / 1000);
  return fmt::format("{:.{}f} ms", milliseconds, milliseconds < 10 ? 2 : 1);
}

}  // namespace virga::cli
