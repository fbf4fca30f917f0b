#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "virga/dialects/aws/figures.h"
#include "virga/dialects/aws/refusal.h"
#include "virga/dialects/aws/sigv4.h"
#include "virga/http/message.h"
#include "virga/http/server.h"
#include "virga/io/task.h"

namespace virga::dialects::aws {

// One AWS service behind the address that all of them share. One loop.
class Service {
 public:
  virtual ~Service() = default;

  // As the scope of a signature names it: "lambda".
  virtual std::string_view scope() const = 0;
  // The caller is proven. `request_id` is a UUID, which the response's field x-amzn-RequestId says already.
  virtual io::Task<http::Response> answer(const http::Request& request, const Identity& identity,
                                          std::string request_id) = 0;
  // A refusal in the form of the service's protocol.
  virtual http::Response refuse(const http::Request& request, const Refusal& refusal,
                                const std::string& request_id) const = 0;
  // How many bytes the body of the request with this head may have.
  virtual std::uint64_t body_limit(const http::Request& head) const = 0;
  // Whether it gets the bodies as streams; their hashes are then its own to compare (Identity::payload).
  virtual http::Admission::Body body_form() const { return http::Admission::Body::Whole; }
  // Whether a client need not wait for the answer to this request before its next one is looked at.
  virtual http::Admission::Order order(const http::Request& head) const {
    (void)head;
    return http::Admission::Order::OneByOne;
  }
  // Whether it answers this request, which need not name the service, although nobody signed it.
  virtual bool takes_unsigned(const http::Request& head) const {
    (void)head;
    return false;
  }
  virtual io::Task<http::Response> answer_unsigned(const http::Request& request, std::string request_id) {
    Refusal refusal{403, "AccessDenied", "Sign the request with an access key.", {}};
    co_return refuse(request, refusal, request_id);
  }

  void count_in(Figures& figures) { figures_ = &figures; }  // outlives it

 protected:
  static constexpr std::string_view kUnknownOperation = "unknown";

  // What answers a request of this operation, once it is counted.
  http::Response counted(std::string_view operation, http::Response response) const {
    if (figures_ != nullptr) figures_->count(scope(), operation, response.status);
    return response;
  }

 private:
  Figures* figures_ = nullptr;
};

}  // namespace virga::dialects::aws
