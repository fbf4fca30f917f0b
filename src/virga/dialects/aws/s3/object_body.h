#pragma once

#include <memory>
#include <optional>
#include <string>

#include "virga/http/message.h"
#include "virga/services/object/reader.h"
#include "virga/telemetry/log.h"

namespace virga::dialects::aws::s3 {

// The bytes of an object as a response's body. One loop.
class ObjectBody final : public http::BodySource {
 public:
  // `first`: what was read already.
  ObjectBody(std::unique_ptr<services::object::Reader> reader, std::string first)
      : reader_(std::move(reader)), first_(std::move(first)) {}

  io::Task<Result<std::string>> next() override {
    if (first_) {
      auto first = std::move(*first_);
      first_.reset();
      co_return first;
    }
    auto bytes = co_await reader_->next();
    // All that the client hears of it is the end of the connection.
    if (!bytes) log::error("an object cannot be read to its end", {{"error", bytes.error().message()}});
    co_return bytes;
  }

 private:
  std::unique_ptr<services::object::Reader> reader_;
  std::optional<std::string> first_;
};

// Puts the bytes into the response: as a body if one read gives all of them, else as a stream.
inline io::Task<Result<http::Response>> with_body(http::Response response,
                                                  std::unique_ptr<services::object::Reader> reader) {
  if (reader->size() == 0) co_return response;
  VIRGA_CO_TRY_ASSIGN(auto first, co_await reader->next());
  if (first.size() == reader->size()) {
    response.body = std::move(first);
  } else {
    response.length = reader->size();
    response.stream = std::make_unique<ObjectBody>(std::move(reader), std::move(first));
  }
  co_return response;
}

}  // namespace virga::dialects::aws::s3
