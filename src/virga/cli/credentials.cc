#include "virga/cli/credentials.h"

#include <boost/json.hpp>
#include <optional>

#include "virga/os/file.h"

namespace virga::cli {

namespace {

std::optional<Credentials> read_key_file(const std::string& file) {
  auto text = os::read_file(file);
  if (!text) return std::nullopt;
  boost::system::error_code error;
  auto parsed = boost::json::parse(*text, error);
  const auto* object = error ? nullptr : parsed.if_object();
  const auto* id = object != nullptr ? object->if_contains("access_key_id") : nullptr;
  const auto* secret = object != nullptr ? object->if_contains("secret_access_key") : nullptr;
  if (id == nullptr || secret == nullptr || !id->is_string() || !secret->is_string()) return std::nullopt;
  return Credentials{std::string(id->get_string()), Secret(std::string(secret->get_string())), "", file};
}

}  // namespace

std::vector<Credentials> find_credentials(const std::function<std::string(std::string_view)>& environment,
                                          const std::string& data) {
  auto id = environment("VIRGA_ACCESS_KEY_ID");
  auto secret = environment("VIRGA_SECRET_ACCESS_KEY");
  if (!id.empty() && !secret.empty()) return {{id, Secret(secret), "", "VIRGA_ACCESS_KEY_ID"}};
  std::vector<Credentials> found;
  id = environment("AWS_ACCESS_KEY_ID");
  secret = environment("AWS_SECRET_ACCESS_KEY");
  if (!id.empty() && !secret.empty()) {
    found.push_back({id, Secret(secret), environment("AWS_SESSION_TOKEN"), "AWS_ACCESS_KEY_ID"});
  }
  if (!data.empty()) {
    if (auto kept = read_key_file(data + "/root-key.json")) found.push_back(std::move(*kept));
  }
  found.push_back({"virga", Secret("virga"), "", "the default"});
  return found;
}

}  // namespace virga::cli
