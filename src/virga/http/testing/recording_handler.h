#pragma once

#include <string>
#include <vector>

#include "virga/http/server.h"

namespace virga::http::testing {

// Notes every request as "METHOD TARGET BODY" and answers with that.
class RecordingHandler : public Handler {
 public:
  io::Task<Response> handle(const Request& request) override {
    std::string line(request.method);
    line.append(" ").append(request.target).append(" ").append(request.body);
    requests.push_back(line);
    co_return Response::make(200, "text/plain", line);
  }
  Admission admit(const Request&) override { return {max_body, {}}; }

  std::vector<std::string> requests;
  std::uint64_t max_body = kDefaultMaxBody;
};

}  // namespace virga::http::testing
