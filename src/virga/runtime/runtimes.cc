#include "virga/runtime/runtimes.h"

#include <dirent.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <filesystem>

#include "virga/base/encoding.h"
#include "virga/base/hash.h"
#include "virga/base/problems.h"
#include "virga/os/errno.h"
#include "virga/os/file.h"
#include "virga/os/socket.h"

namespace virga::runtime {
namespace {

namespace json = boost::json;

class Manifest {
 public:
  Manifest(std::string path, const json::object& object) : path_(std::move(path)), object_(object) {}

  Result<std::string> text(std::string_view name) const {
    const auto* value = object_.if_contains(name);
    if (value == nullptr || !value->is_string()) return wrong(name, "a string");
    return std::string(value->get_string());
  }
  Result<std::string> text(std::string_view name, const std::string& otherwise) const {
    return object_.contains(name) ? text(name) : otherwise;
  }
  // False where it is not said.
  Result<bool> flag(std::string_view name) const {
    const auto* value = object_.if_contains(name);
    if (value == nullptr) return false;
    if (!value->is_bool()) return wrong(name, "true or false");
    return value->get_bool();
  }
  Result<std::vector<std::string>> texts(std::string_view name) const {
    std::vector<std::string> result;
    const auto* value = object_.if_contains(name);
    if (value == nullptr) return result;
    if (!value->is_array()) return wrong(name, "a list of strings");
    for (const auto& element : value->get_array()) {
      if (!element.is_string()) return wrong(name, "a list of strings");
      result.emplace_back(element.get_string());
    }
    return result;
  }
  Result<std::map<std::string, std::string>> map(std::string_view name) const {
    std::map<std::string, std::string> result;
    const auto* value = object_.if_contains(name);
    if (value == nullptr) return result;
    if (!value->is_object()) return wrong(name, "an object of strings");
    for (const auto& [key, element] : value->get_object()) {
      if (!element.is_string()) return wrong(name, "an object of strings");
      result.emplace(key, element.get_string());
    }
    return result;
  }

 private:
  std::unexpected<Error> wrong(std::string_view name, std::string_view expected) const {
    return fail(problem::kRuntimeManifest,
                path_ + ": member '" + std::string(name) + "' must be " + std::string(expected));
  }
  std::string path_;
  const json::object& object_;
};

void replace_interpreter(std::vector<std::string>& arguments, const std::string& interpreter) {
  static constexpr std::string_view kPlace = "${interpreter}";
  for (auto& argument : arguments) {
    if (auto at = argument.find(kPlace); at != std::string::npos) argument.replace(at, kPlace.size(), interpreter);
  }
}

// Path, size and time of each file stand for its content: an update changes them, and nobody reads a whole JDK for it.
void describe(std::string& text, const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  text += path + ' ' + std::to_string(status.st_size) + ' ' + std::to_string(status.st_mtim.tv_sec) + '\n';
}

std::string identity_of(const Runtime& runtime) {
  std::error_code error;
  std::string text;
  describe(text, std::filesystem::canonical(runtime.interpreter, error).string());
  std::vector<std::string> files;
  for (std::filesystem::recursive_directory_iterator walk(runtime.directory, error), end; !error && walk != end;
       walk.increment(error)) {
    if (walk->path().filename() == "__pycache__") {
      walk.disable_recursion_pending();
    } else {
      files.push_back(walk->path().string());
    }
  }
  std::ranges::sort(files);
  for (const auto& file : files) describe(text, file);
  return to_hex(sha256(text)).substr(0, 16);
}

Result<Runtime> load_one(const std::string& directory) {
  std::string path = directory + "/runtime.json";
  VIRGA_TRY_ASSIGN(auto text, os::read_file(path));
  boost::system::error_code error;
  auto parsed = json::parse(text, error);
  if (error || !parsed.is_object()) return fail(problem::kRuntimeManifest, path + ": is no JSON object");
  Manifest manifest(path, parsed.get_object());

  Runtime runtime;
  runtime.directory = directory;
  VIRGA_TRY_ASSIGN(runtime.name, manifest.text("name"));
  VIRGA_TRY_ASSIGN(runtime.identifiers, manifest.texts("identifiers"));
  VIRGA_TRY_ASSIGN(auto contract, manifest.text("contract"));
  if (contract == "frames") {
    runtime.contract = ContractKind::Frames;
  } else if (contract == "runtime_api") {
    runtime.contract = ContractKind::RuntimeApi;
  } else {
    return fail(problem::kRuntimeManifest, path + ": 'contract' must be \"frames\" or \"runtime_api\"");
  }
  VIRGA_TRY_ASSIGN(runtime.arguments, manifest.texts("arguments"));
  VIRGA_TRY_ASSIGN(runtime.environment, manifest.map("environment"));
  VIRGA_TRY_ASSIGN(runtime.start_variables, manifest.texts("start_variables"));
  VIRGA_TRY_ASSIGN(runtime.version_command, manifest.texts("version_command"));
  VIRGA_TRY_ASSIGN(runtime.prepare, manifest.texts("prepare_package"));
  VIRGA_TRY_ASSIGN(auto scope, manifest.text("prepared_scope", "package"));
  if (scope != "package" && scope != "function") {
    return fail(problem::kRuntimeManifest, path + ": 'prepared_scope' must be \"package\" or \"function\"");
  }
  runtime.prepared_scope = scope == "package" ? PreparedScope::Package : PreparedScope::Function;
  VIRGA_TRY_ASSIGN(runtime.prepared_suffixes, manifest.texts("prepared_suffixes"));
  VIRGA_TRY_ASSIGN(auto bytes, manifest.text("prepared_bytes", "0"));
  auto read = std::from_chars(bytes.data(), bytes.data() + bytes.size(), runtime.prepared_bytes);
  if (read.ec != std::errc() || read.ptr != bytes.data() + bytes.size()) {
    return fail(problem::kRuntimeManifest, path + ": 'prepared_bytes' must be a number");
  }
  VIRGA_TRY_ASSIGN(auto package, manifest.text("package", runtime.name));
  VIRGA_TRY_ASSIGN(auto needs, manifest.texts("needs"));
  VIRGA_TRY_ASSIGN(runtime.has_stems, manifest.flag("stems"));
  VIRGA_TRY_ASSIGN(runtime.boots_for_memory, manifest.flag("boots_for_memory"));
  VIRGA_TRY_ASSIGN(runtime.has_templates, manifest.flag("templates"));
  VIRGA_TRY_ASSIGN(auto interpreters, manifest.texts("interpreters"));
  // A program that the package brings is looked for in the package, when an instance starts.
  if (runtime.contract == ContractKind::RuntimeApi) return runtime;
  for (const auto& interpreter : interpreters) {
    if (::access(interpreter.c_str(), X_OK) == 0) {
      runtime.interpreter = interpreter;
      break;
    }
  }
  if (!interpreters.empty() && runtime.interpreter.empty()) {
    runtime.missing = "the runtime '" + runtime.name + "' needs " + interpreters.back() +
                      ", which is not on this machine: install it (on Debian: apt-get install " + package + ")";
  }
  auto is_absent = [&](const std::string& file) { return ::access((directory + "/" + file).c_str(), R_OK) != 0; };
  auto absent = std::ranges::find_if(needs, is_absent);
  if (runtime.missing.empty() && absent != needs.end()) {
    runtime.missing = "the runtime '" + runtime.name + "' needs " + directory + "/" + *absent +
                      ", which is not there: make it with " + directory + "/prepare and start Virga again";
  }
  for (auto* command : {&runtime.arguments, &runtime.version_command, &runtime.prepare}) {
    replace_interpreter(*command, runtime.interpreter);
  }
  runtime.identity = identity_of(runtime);
  return runtime;
}

}  // namespace

Result<Runtimes> Runtimes::load(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> folders;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (std::filesystem::exists(entry.path() / "runtime.json", error)) folders.push_back(entry.path().string());
  }
  if (error) return fail(os::errno_error(error.value(), "read the runtimes in", directory));
  if (folders.empty()) {
    return fail(problem::kNoRuntimes, "no runtimes in " + directory + ": give the folder with --runtimes");
  }
  std::sort(folders.begin(), folders.end());
  Runtimes runtimes;
  for (const auto& folder : folders) {
    VIRGA_TRY_ASSIGN(auto runtime, load_one(folder));
    for (const auto& identifier : runtime.identifiers) {
      runtimes.by_identifier_.emplace(identifier, runtimes.runtimes_.size());
    }
    runtimes.runtimes_.push_back(std::move(runtime));
  }
  return runtimes;
}

const Runtime* Runtimes::find(std::string_view identifier) const {
  auto found = by_identifier_.find(identifier);
  return found == by_identifier_.end() ? nullptr : &runtimes_[found->second];
}

std::vector<std::string> Runtimes::identifiers() const {
  std::vector<std::string> names;
  names.reserve(by_identifier_.size());
  for (const auto& [identifier, index] : by_identifier_) names.push_back(identifier);
  return names;
}

Result<std::string> ask_version(const Runtime& runtime) {
  if (!runtime.missing.empty()) return fail(problem::kNoInterpreter, runtime.missing);
  if (runtime.version_command.empty()) return std::string();
  VIRGA_TRY_ASSIGN(auto pipe, os::make_pipe());
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe.writer.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, pipe.writer.get(), 2);
  std::vector<char*> arguments;
  arguments.reserve(runtime.version_command.size() + 1);
  for (const auto& argument : runtime.version_command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  std::array<char*, 1> no_environment{nullptr};
  pid_t pid = 0;
  int error = ::posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), no_environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail(os::errno_error(error, "run", arguments[0]));
  pipe.writer.reset();
  std::string text;
  char buffer[256];
  for (ssize_t count = 0; (count = ::read(pipe.reader.get(), buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, static_cast<std::size_t>(count));
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  if (status != 0) return fail(ErrorCode::Unavailable, std::string(arguments[0]) + " failed: " + text);
  return text.substr(0, text.find('\n'));
}

}  // namespace virga::runtime
