// Forms of old SQS clients: read, and written back in both protocols. Whatever comes, the JSON has to be whole.
#include <cstdlib>

#include "virga/dialects/aws/sqs/wire.h"
#include "virga/json/cursor.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace virga::dialects::aws;
  auto parsed = sqs::parse_form({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  auto json = sqs::render(sqs::Protocol::Json, "ReceiveMessage", true, parsed->parameters, "ID");
  (void)sqs::render(sqs::Protocol::Query, "ReceiveMessage", true, parsed->parameters, "ID");
  virga::json::Cursor cursor(json.body);
  if (cursor.peek() != virga::json::Cursor::Kind::Object) std::abort();
  return 0;
}
