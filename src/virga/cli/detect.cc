#include "virga/cli/detect.h"

#include <sys/stat.h>

#include <algorithm>
#include <boost/json.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "virga/archive/zip.h"
#include "virga/base/problems.h"
#include "virga/os/file.h"

namespace virga::cli {

namespace {

// The files at the top of a folder or an archive.
class Code {
 public:
  virtual ~Code() = default;
  virtual bool has(const std::string& name) const = 0;
  virtual bool is_executable(const std::string& name) const = 0;
  virtual Result<std::string> read(const std::string& name) const = 0;
};

class Folder final : public Code {
 public:
  explicit Folder(std::string path) : path_(std::move(path)) {}
  bool has(const std::string& name) const override {
    struct stat status{};
    return ::stat((path_ + "/" + name).c_str(), &status) == 0 && S_ISREG(status.st_mode);
  }
  bool is_executable(const std::string& name) const override {
    struct stat status{};
    return ::stat((path_ + "/" + name).c_str(), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 0111);
  }
  Result<std::string> read(const std::string& name) const override { return os::read_file(path_ + "/" + name); }

 private:
  std::string path_;
};

class Zip final : public Code {
 public:
  Zip(std::string bytes, archive::Listing listing) : bytes_(std::move(bytes)), listing_(std::move(listing)) {}
  bool has(const std::string& name) const override { return find(name) != nullptr; }
  bool is_executable(const std::string& name) const override {
    const auto* entry = find(name);
    return entry != nullptr && entry->executable;
  }
  Result<std::string> read(const std::string& name) const override {
    const auto* entry = find(name);
    if (entry == nullptr) return fail(ErrorCode::NotFound, "the archive has no " + name);
    return archive::unpack(bytes_, *entry);
  }

 private:
  const archive::Entry* find(const std::string& name) const {
    auto found = std::ranges::find(listing_.entries, name, &archive::Entry::name);
    return found == listing_.entries.end() || found->kind != archive::EntryKind::File ? nullptr : &*found;
  }
  std::string bytes_;
  archive::Listing listing_;
};

std::optional<std::string> handler_of_package(const Code& code) {
  auto text = code.read("package.json");
  if (!text) return std::nullopt;
  boost::system::error_code error;
  auto parsed = boost::json::parse(*text, error);
  const auto* object = error ? nullptr : parsed.if_object();
  const auto* main = object == nullptr ? nullptr : object->if_contains("main");
  if (main == nullptr || !main->is_string()) return std::nullopt;
  std::string file(main->get_string());
  if (file.starts_with("./")) file.erase(0, 2);
  auto dot = file.rfind('.');
  if (dot != std::string::npos && file.find('/', dot) == std::string::npos) file.erase(dot);
  return file.empty() ? std::nullopt : std::optional(file + ".handler");
}

std::string handler_of_app(const Code& code) {
  auto text = code.read("app.py");
  bool named_so =
      text && text->find("def handler(") == std::string::npos && text->find("def lambda_handler(") != std::string::npos;
  return named_so ? "app.lambda_handler" : "app.handler";
}

std::optional<Detected> detect(const Code& code, std::string_view family) {
  auto wanted = [&](std::string_view one) { return family.empty() || family == one; };
  if (wanted("provided") && code.is_executable("bootstrap")) return Detected{"provided.al2023", "bootstrap"};
  if (wanted("nodejs")) {
    for (const auto* name : {"index.mjs", "index.js", "index.cjs"}) {
      if (code.has(name)) return Detected{"nodejs20.x", "index.handler"};
    }
    if (auto handler = handler_of_package(code)) return Detected{"nodejs20.x", *handler};
  }
  if (wanted("python")) {
    if (code.has("lambda_function.py")) return Detected{"python3.11", "lambda_function.lambda_handler"};
    if (code.has("app.py")) return Detected{"python3.11", handler_of_app(code)};
  }
  return std::nullopt;
}

Result<std::unique_ptr<Code>> open_code(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    return fail(problem::kNoSuchPath, "there is no file or folder '" + path + "'");
  }
  if (S_ISDIR(status.st_mode)) return std::make_unique<Folder>(path);
  VIRGA_TRY_ASSIGN(auto bytes, os::read_file(path));
  auto listing = archive::inspect(bytes);
  if (!listing) return fail(ErrorCode::InvalidArgument, path + ": " + listing.error().message());
  return std::make_unique<Zip>(std::move(bytes), std::move(*listing));
}

}  // namespace

Result<Detected> detect(const std::string& path, std::string_view runtime) {
  VIRGA_TRY_ASSIGN(auto code, open_code(path));
  auto family = runtime.substr(0, runtime.find_first_of("0123456789."));
  if (auto found = detect(*code, family)) {
    if (!runtime.empty()) found->runtime = runtime;
    return *found;
  }
  if (family == "provided") return Detected{std::string(runtime), "bootstrap"};
  std::string looked = runtime.empty() ? "found out" : "found for " + std::string(runtime);
  return fail(problem::kNotDetected,
              path + ": how to run it cannot be " + looked +
                  ": there is no executable bootstrap, index.mjs, index.js, index.cjs, package.json with a main, "
                  "lambda_function.py or app.py. Give --runtime and --handler, or a virga.json (docs/deploying.md)");
}

}  // namespace virga::cli
