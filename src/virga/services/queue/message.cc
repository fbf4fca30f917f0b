#include "virga/services/queue/message.h"

#include "virga/base/record.h"

namespace virga::services::queue {
namespace {

constexpr std::uint8_t kFormat = 1;

}  // namespace

std::size_t Message::size() const {
  auto bytes = body.size();
  for (const auto& attribute : attributes)
    bytes += attribute.name.size() + attribute.type.size() + attribute.value.size();
  return bytes;
}

std::string Message::encode() const {
  RecordWriter writer(kFormat);
  writer.text(id).text(body).text(trace).text(group).text(deduplication).text(sender).text(dead_letter_source);
  writer.time(sent).number(attributes.size());
  for (const auto& attribute : attributes) {
    writer.text(attribute.name).text(attribute.type).number(attribute.kind == Attribute::Kind::Binary ? 1 : 0);
    writer.text(attribute.value);
  }
  return writer.take();
}

Result<Message> Message::decode(std::string_view bytes) {
  RecordReader reader(bytes);
  Message message;
  message.id = reader.text();
  message.body = reader.text();
  message.trace = reader.text();
  message.group = reader.text();
  message.deduplication = reader.text();
  message.sender = reader.text();
  message.dead_letter_source = reader.text();
  message.sent = reader.time();
  auto count = reader.number();
  for (std::uint64_t i = 0; i < count && reader.is_good(); ++i) {
    Attribute attribute;
    attribute.name = reader.text();
    attribute.type = reader.text();
    attribute.kind = reader.number() == 1 ? Attribute::Kind::Binary : Attribute::Kind::Text;
    attribute.value = reader.text();
    message.attributes.push_back(std::move(attribute));
  }
  if (reader.format() != kFormat || !reader.is_whole()) {
    return fail(ErrorCode::DataLoss, "the record of a message is damaged");
  }
  return message;
}

}  // namespace virga::services::queue
