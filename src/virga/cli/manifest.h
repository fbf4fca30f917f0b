#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/result.h"

namespace virga::cli {

enum class UrlAuth { None, Iam };
enum class UrlMode { Buffered, ResponseStream };

struct UrlManifest {
  UrlAuth auth = UrlAuth::Iam;
  UrlMode mode = UrlMode::Buffered;
  bool operator==(const UrlManifest&) const = default;
};

// One function to be deployed. What is not set is left as it is, if the function exists, or to the server's default.
struct FunctionManifest {
  std::string name;
  std::string runtime;
  std::string handler;
  std::string code;  // path of a folder or a .zip file, as seen from the working directory
  std::optional<std::string> description;
  std::optional<std::int64_t> timeout;      // seconds
  std::optional<std::int64_t> memory;       // MiB
  std::optional<std::int64_t> tmp;          // MiB: the size of /tmp
  std::optional<std::string> network;       // "none", "lo" or "egress"
  std::optional<std::int64_t> concurrency;  // invocations that one instance runs at a time
  std::optional<bool> templates;            // whether its instances may be forks
  std::optional<std::map<std::string, std::string>> environment;
  std::optional<UrlManifest> url;
  bool remove_url = false;  // the function is not to have one
};

struct Manifest {
  std::vector<FunctionManifest> functions;
  bool is_detected = false;  // there was no virga.json: the folder is one function
};

// What DIRECTORY holds (docs/deploying.md): the functions of its virga.json, or itself as one function named like it.
// Errors are InvalidArgument and name the file and the member: "virga.json: functions.resize.timeout: ...".
Result<Manifest> read_manifest(const std::string& directory);
// The text of a virga.json in DIRECTORY; `file` is how messages call it. Looks at the code for what it leaves out.
Result<Manifest> parse_manifest(std::string_view text, const std::string& file, const std::string& directory);
// A folder or a .zip file as one function named NAME, "" for its own name. Runtime and handler are left to complete().
Result<FunctionManifest> name_function(const std::string& path, const std::string& name);
// Finds out from the code what of runtime and handler is empty.
Result<> complete(FunctionManifest& function);

// [a-zA-Z0-9-_]{1,64}
bool is_function_name(std::string_view name);

}  // namespace virga::cli
