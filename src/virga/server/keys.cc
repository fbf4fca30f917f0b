#include "virga/server/keys.h"

#include <boost/json.hpp>

#include "virga/base/encoding.h"
#include "virga/base/id.h"
#include "virga/base/problems.h"
#include "virga/base/random.h"
#include "virga/os/file.h"

namespace virga::server {

Result<RootKey> load_or_make_root_key(const std::string& data_directory) {
  RootKey key;
  key.file = data_directory + "/root-key.json";
  auto text = os::read_file(key.file);
  if (text) {
    boost::system::error_code error;
    auto parsed = boost::json::parse(*text, error);
    const auto* object = error ? nullptr : parsed.if_object();
    const auto* id = object ? object->if_contains("access_key_id") : nullptr;
    const auto* secret = object ? object->if_contains("secret_access_key") : nullptr;
    if (id == nullptr || secret == nullptr || !id->is_string() || !secret->is_string()) {
      return fail(problem::kRootKeyDamaged,
                  key.file +
                      " is damaged: it must be {\"access_key_id\":…,\"secret_access_key\":…}; remove it and a new "
                      "key is made at the next start");
    }
    key.id = std::string(id->get_string());
    key.secret = std::string(secret->get_string());
    return key;
  }
  if (text.error().code() != ErrorCode::NotFound) return fail(std::move(text).error());
  key.id = "VIRGA" + make_token(15);
  for (char& c : key.id) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  key.secret = make_token(40);
  boost::json::object object{{"access_key_id", key.id}, {"secret_access_key", key.secret}};
  VIRGA_TRY(os::write_file_durably(key.file, boost::json::serialize(object) + "\n", 0600));
  return key;
}

Result<Secret> load_or_make_store_key(const std::string& data_directory) {
  constexpr std::size_t kSize = 32;
  auto file = data_directory + "/store-key";
  auto text = os::read_file(file);
  if (text) {
    std::string_view encoded = *text;
    if (encoded.ends_with('\n')) encoded.remove_suffix(1);
    auto key = from_base64(trim(encoded));
    if (key && key->size() == kSize) return Secret(std::move(*key));
    return fail(problem::kStoreKey,
                file + " is damaged: it must hold " + std::to_string(kSize) +
                    " bytes in Base64; put the file back that was there when this data folder was last in use");
  }
  if (text.error().code() != ErrorCode::NotFound) return fail(std::move(text).error());
  std::string key(kSize, '\0');
  system_random().fill({reinterpret_cast<std::uint8_t*>(key.data()), key.size()});
  VIRGA_TRY(os::write_file_durably(file, to_base64(key) + "\n", 0600));
  return Secret(std::move(key));
}

}  // namespace virga::server
