// What S3's clients send beside HTTP: the first byte chooses between a document, a body in chunks and a form. However
// the bytes are cut, the same comes out.
#include <cstdlib>
#include <string>
#include <string_view>

#include "virga/dialects/aws/s3/chunks.h"
#include "virga/dialects/aws/s3/cors.h"
#include "virga/dialects/aws/s3/form.h"
#include "virga/dialects/aws/s3/notifications.h"
#include "virga/dialects/aws/s3/policy.h"
#include "virga/dialects/aws/xml_reader.h"

namespace {

using namespace virga;
using namespace virga::dialects::aws;

void require(bool condition) {
  if (!condition) std::abort();
}

// What is decoded until the end or the first fault.
template <typename Decoder>
std::string decode(Decoder decoder, std::string_view bytes, std::size_t step, bool& is_good) {
  std::string out;
  is_good = true;
  for (std::size_t at = 0; at < bytes.size() && is_good; at += step) {
    is_good = decoder.feed(bytes.substr(at, step), out).has_value();
  }
  return out;
}

template <typename Make>
void compare(Make make, std::string_view bytes) {
  bool at_once = false;
  bool by_bytes = false;
  auto whole = decode(make(), bytes, bytes.size() + 1, at_once);
  auto parts = decode(make(), bytes, 1, by_bytes);
  require(at_once == by_bytes);
  if (at_once) require(whole == parts);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      if (auto node = read_xml(bytes)) {
        (void)s3::read_cors(*node);
        auto rules = s3::read_notifications(*node);
        if (rules && !rules->empty()) require(read_xml(s3::write_notifications(*rules)).has_value());
      }
      break;
    case 1:
      compare([] { return s3::ChunkDecoder(std::nullopt, s3::ChunkDecoder::Trailers::Expected); }, bytes);
      break;
    case 2:
      compare([] { return s3::FormDecoder("B"); }, bytes);
      break;
    default:
      (void)s3::read_policy(bytes, WallTime());
      break;
  }
  return 0;
}
