#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "virga/base/clock.h"
#include "virga/base/random.h"
#include "virga/dialects/aws/account.h"
#include "virga/dialects/aws/query.h"
#include "virga/dialects/aws/refusal.h"
#include "virga/dialects/aws/s3/errors.h"
#include "virga/dialects/aws/s3/target.h"
#include "virga/dialects/aws/sigv4.h"
#include "virga/dialects/aws/xml_reader.h"
#include "virga/events/targets.h"
#include "virga/http/message.h"
#include "virga/io/task.h"
#include "virga/services/object/objects.h"

namespace virga::dialects::aws::s3 {

namespace object = services::object;

// What the operations work with. All of it outlives them.
struct Services {
  object::Objects& objects;
  io::Loop& loop;
  const events::Targets& targets;
  const Clock& clock;
  Account account;
  FindAccessKey find_key;
};

// One request on its way through its operation. Copied into the operation's coroutine; the request, the identity and
// the services live until that has ended.
class Call {
 public:
  Call(const Services& services, const http::Request& request, const Identity& identity, Target target,
       std::string request_id)
      : services_(&services),
        request_(&request),
        identity_(&identity),
        target_(std::move(target)),
        query_(request.query),
        request_id_(std::move(request_id)) {}

  const Services& services() const { return *services_; }
  object::Objects& objects() const { return services_->objects; }
  const http::Request& request() const { return *request_; }
  const Identity& identity() const { return *identity_; }
  const std::string& bucket() const { return target_.bucket; }
  const std::string& key() const { return target_.key; }
  const std::string& request_id() const { return request_id_; }
  std::string_view field(std::string_view name) const { return request_->field(name); }

  std::optional<std::string> parameter(std::string_view name) const;
  std::string text_parameter(std::string_view name) const { return parameter(name).value_or(""); }
  // A number from 0 on; `usual` if the query does not have it.
  Answer<std::size_t> number_parameter(std::string_view name, std::size_t usual, std::size_t most) const;
  std::string version() const { return text_parameter("versionId"); }
  object::Origin origin() const;

 private:
  const Services* services_;
  const http::Request* request_;
  const Identity* identity_;
  Target target_;
  Query query_;
  std::string request_id_;
};

inline constexpr std::string_view kNamespace = "http://s3.amazonaws.com/doc/2006-03-01/";

http::Response xml_response(int status, std::string document);
http::Response empty_response(int status);

// The whole body, of an operation that takes a document: decoded, and compared with its hashes.
io::Task<Answer<std::string>> read_document(Call call);
// The same, read as XML with this root.
io::Task<Answer<XmlNode>> read_document_xml(Call call, std::string root);

}  // namespace virga::dialects::aws::s3

// In a coroutine that gives an Answer: declares or assigns the value of a Result or an Answer, or refuses as S3 does.
#define VIRGA_S3_TRY_ASSIGN_WITH(temporary, target, expression)                                                    \
  auto temporary = (expression);                                                                                   \
  if (!temporary) co_return std::unexpected(::virga::dialects::aws::s3::as_refusal(std::move(temporary).error())); \
  target = std::move(*temporary)
#define VIRGA_S3_TRY_ASSIGN(target, expression) \
  VIRGA_S3_TRY_ASSIGN_WITH(VIRGA_CONCAT(virga_s3_, __COUNTER__), target, expression)
#define VIRGA_S3_TRY(expression)                                                                             \
  do {                                                                                                       \
    if (auto virga_s3_result = (expression); !virga_s3_result)                                               \
      co_return std::unexpected(::virga::dialects::aws::s3::as_refusal(std::move(virga_s3_result).error())); \
  } while (false)
