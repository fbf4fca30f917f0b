#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "virga/base/result.h"
#include "virga/cli/credentials.h"
#include "virga/cli/endpoint.h"
#include "virga/http/client.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"

namespace virga::cli {

// Speaks to one Virga: signs each request (for the service `lambda`, or `virga` below /_virga/) and turns refusals into
// errors. One loop, one request at a time. Errors: Unavailable (nobody answers there, with what to do), and for an
// answer that is not 2xx one whose message is "CODE: message" and whose code is never Unavailable.
class Client {
 public:
  struct Options {
    Endpoint endpoint;
    std::vector<Credentials> credentials;  // at least one; the first that the server takes is kept
    std::string region;
  };
  Client(io::Loop& loop, Options options);

  // Any request; the target is encoded already. An answer of 400 and above is an error.
  io::Task<Result<http::ClientResponse>> send(http::ClientRequest request, io::Deadline deadline);
  // A call of an API: JSON there and back; null for an empty answer.
  io::Task<Result<boost::json::value>> call(std::string method, std::string target,
                                            std::optional<boost::json::value> body = std::nullopt);

  // Ends a pending request.
  void close() { connection_.close(); }
  io::Loop& loop() const { return loop_; }
  const Options& options() const { return options_; }

 private:
  io::Loop& loop_;
  Options options_;
  std::size_t current_ = 0;  // of the credentials
  http::Connection connection_;
};

// "/2015-03-31/functions/NAME" with the name encoded.
std::string function_target(std::string_view date, std::string_view name, std::string_view rest = {});

// The member of an object as text; "" if there is none or it is no string.
std::string text_member(const boost::json::value& value, std::string_view name);
std::int64_t number_member(const boost::json::value& value, std::string_view name);

}  // namespace virga::cli
