#include "virga/dialects/aws/s3/call.h"

#include <algorithm>
#include <charconv>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/s3/body.h"

namespace virga::dialects::aws::s3 {
namespace {

constexpr std::size_t kLargestDocument = 4u << 20;  // 10,000 parts with their checksums, or 1,000 long keys

}  // namespace

std::optional<std::string> Call::parameter(std::string_view name) const {
  auto found = query_.find(name);
  if (!found) return std::nullopt;
  return std::string(*found);
}

Answer<std::size_t> Call::number_parameter(std::string_view name, std::size_t usual, std::size_t most) const {
  auto text = parameter(name);
  if (!text || text->empty()) return usual;
  std::size_t number = 0;
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size() || number > 0x7FFFFFFF) {
    return refuse(400, "InvalidArgument",
                  "Provided " + std::string(name) + " not an integer or within integer range: '" + *text + "'");
  }
  return std::min(number, most);
}

object::Origin Call::origin() const {
  return {std::string(request_->peer), identity_->access_key, request_id_};
}

http::Response xml_response(int status, std::string document) {
  return http::Response::make(status, "application/xml", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + document);
}

http::Response empty_response(int status) {
  http::Response response;
  response.status = status;
  return response;
}

io::Task<Answer<std::string>> read_document(Call call) {
  RequestBody body(call);
  VIRGA_S3_TRY(body.check());
  std::string document;
  while (true) {
    VIRGA_S3_TRY_ASSIGN(auto piece, co_await body.next());
    if (piece.empty()) break;
    if (document.size() + piece.size() > kLargestDocument) {
      co_return refuse(400, "MaxMessageLengthExceeded", "Your request was too big: at most 4 MiB are taken.");
    }
    document += piece;
  }
  VIRGA_S3_TRY(body.compare(document));
  co_return document;
}

io::Task<Answer<XmlNode>> read_document_xml(Call call, std::string root) {
  VIRGA_S3_TRY_ASSIGN(auto document, co_await read_document(std::move(call)));
  auto node = read_xml(document);
  if (!node) co_return malformed_xml(node.error().message());
  if (node->name != root) co_return malformed_xml("its root is '" + node->name + "', and not '" + root + "'");
  co_return std::move(*node);
}

}  // namespace virga::dialects::aws::s3
