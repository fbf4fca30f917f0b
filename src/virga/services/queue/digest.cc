#include "virga/services/queue/digest.h"

#include "virga/base/encoding.h"
#include "virga/base/hash.h"

namespace virga::services::queue {
namespace {

void append_sized(std::string& out, std::string_view text) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(text.size() >> shift);
  out += text;
}

}  // namespace

std::string md5_hex(std::string_view bytes) {
  return to_hex(md5(bytes));
}

std::string md5_of(std::span<const Attribute> attributes) {
  std::string bytes;
  for (const auto& attribute : attributes) {
    append_sized(bytes, attribute.name);
    append_sized(bytes, attribute.type);
    bytes += attribute.kind == Attribute::Kind::Text ? '\x01' : '\x02';
    append_sized(bytes, attribute.value);
  }
  return md5_hex(bytes);
}

}  // namespace virga::services::queue
