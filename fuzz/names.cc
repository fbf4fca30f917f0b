// DNS messages: what a function asks and what a name server answers. The first byte chooses which.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "virga/names/message.h"

using namespace virga::names;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

// What is taken from a function is asked again in the same words.
void ask(std::string_view bytes) {
  auto query = parse_query(bytes);
  if (!query) return;
  require(query->most >= kPlainDatagram && query->most <= kLargestDatagram);
  (void)readable(query->question);
  auto again = parse_query(encode_query(*query, 1));
  require(again.has_value() && again->question.name == query->question.name &&
          again->question.type == query->question.type);
  // And our own answers are answers.
  require(parse_answer(encode_empty_answer(*query, Code::Refused), *query, query->id).has_value());
  require(parse_answer(encode_cut_answer(*query), *query, query->id).has_value());
}

// The question of most messages in the corpus, so that the records behind it are reached.
void answer(std::string_view bytes) {
  Query query;
  query.question.name = std::string("\3www\7example\3org\0", 17);
  query.question.type = 1;
  auto parsed = parse_answer(bytes, query, 7);
  if (!parsed) return;
  // Each address takes at least four bytes of the message.
  require(parsed->addresses.size() * 4 <= bytes.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  if (*data == 'q') {
    ask(bytes);
  } else {
    answer(bytes);
  }
  return 0;
}
