#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "virga/dialects/aws/s3/call.h"
#include "virga/dialects/aws/s3/notifications.h"
#include "virga/dialects/aws/service.h"

namespace virga::dialects::aws {

// Amazon S3 (REST-XML, botocore s3/2006-03-01) on the object service. Every operation that is known and not built is
// refused by its name. One loop.
//
// Beside what is signed by the headers it answers presigned URLs of both signature versions, forms of browsers with a
// signed policy, preflights of browsers, and web sites.
class S3Api final : public Service {
 public:
  // All of these outlive it.
  struct Parts {
    services::object::Objects& objects;
    io::Loop& loop;
    const events::Targets& targets;  // of notifications
    const Clock& clock;
    Account account;
    FindAccessKey find_key;
  };
  explicit S3Api(Parts parts);

  std::string_view scope() const override { return "s3"; }
  io::Task<http::Response> answer(const http::Request& request, const Identity& identity,
                                  std::string request_id) override;
  http::Response refuse(const http::Request& request, const Refusal& refusal,
                        const std::string& request_id) const override;
  std::uint64_t body_limit(const http::Request& head) const override;
  http::Admission::Body body_form() const override { return http::Admission::Body::Streamed; }
  bool takes_unsigned(const http::Request& head) const override;
  io::Task<http::Response> answer_unsigned(const http::Request& request, std::string request_id) override;

 private:
  io::Task<http::Response> run(s3::Call call, s3::Target target);
  http::Response finish(http::Response response, const s3::Call& call) const;

  s3::Services services_;
  s3::Notifications notifications_;
};

}  // namespace virga::dialects::aws
