#include "virga/services/queue/internal/receipt.h"

#include "virga/base/encoding.h"
#include "virga/base/hash.h"
#include "virga/services/queue/internal/keys.h"

namespace virga::services::queue::internal {
namespace {

constexpr std::size_t kNumberBytes = 24;
constexpr std::size_t kChecksumBytes = 9;  // bytes; 33 in all, which Base64 writes without padding

std::string checksum_of(std::string_view numbers) {
  std::string text = "queue receipt ";
  auto digest = sha256(text.append(numbers));
  return std::string(as_view(digest).substr(0, kChecksumBytes));
}

}  // namespace

std::string Receipt::encode() const {
  std::string bytes;
  for (auto part : {queue, number, nonce}) append_number(bytes, part);
  bytes += checksum_of(bytes);
  return to_base64(bytes);
}

std::optional<Receipt> Receipt::decode(std::string_view text) {
  if (text.size() != (kNumberBytes + kChecksumBytes) / 3 * 4) return std::nullopt;
  auto bytes = from_base64(text);
  if (!bytes || bytes->size() != kNumberBytes + kChecksumBytes) return std::nullopt;
  std::string_view view = *bytes;
  auto numbers = view.substr(0, kNumberBytes);
  if (view.substr(kNumberBytes) != checksum_of(numbers)) return std::nullopt;
  return Receipt{*number_in(numbers.substr(0, 8)), *number_in(numbers.substr(8, 8)), *number_in(numbers.substr(16, 8))};
}

}  // namespace virga::services::queue::internal
