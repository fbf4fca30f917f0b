#include "virga/server/aws_dialect.h"

#include "virga/dialects/aws/function_key.h"

namespace virga::server {

using namespace dialects::aws;

AwsDialect::AwsDialect(Parts parts)
    : account_(parts.account),
      key_(parts.key),
      catalog_(parts.catalog),
      verifier_(find_key(), parts.loop.clock()),
      links_(parts.deployments, parts.loop.clock(), parts.random, parts.account.base_url),
      lambda_({parts.catalog, parts.deployments, parts.invoker, parts.services.async_calls(), parts.services.targets(),
               parts.services.queues(), parts.services.mappings(), parts.runtimes, parts.loop.clock(), parts.random,
               parts.account, links_, &parts.services.objects()}),
      s3_({parts.services.objects(), parts.loop, parts.services.targets(), parts.loop.clock(), parts.account,
           find_key()}),
      sts_(parts.account),
      events_({parts.services.bus(), parts.services.targets(), parts.loop.clock()}),
      scheduler_(parts.services.schedules(), parts.loop.clock()),
      sns_({parts.services.topics(), parts.random, parts.loop.clock()}),
      sqs_({parts.services.queues(), parts.loop, parts.account}),
      api_({verifier_,
            {&lambda_, &s3_, &sts_, &events_, &scheduler_, &sns_, &sqs_},
            parts.loop.clock(),
            parts.random,
            parts.metrics}),
      urls_({parts.catalog, parts.invoker, parts.loop.clock(), parts.random, parts.account,
             [this](const http::Request& request) { return url_caller(request); }, parts.without_url}) {}

FindAccessKey AwsDialect::find_key() const {
  return [this](std::string_view id) -> std::optional<AccessKey> {
    if (id != key_.id) return key_of_function(id);
    return AccessKey{key_.secret, "", std::nullopt, ""};
  };
}

std::optional<AccessKey> AwsDialect::key_of_function(std::string_view id) const {
  auto function = function_of_key(id);
  if (!function || !catalog_.function(*function)) return std::nullopt;
  auto key = function_key(key_.secret, *function);
  return AccessKey{std::move(key.secret), std::move(key.session_token), std::nullopt, function->text()};
}

std::optional<UrlCaller> AwsDialect::url_caller(const http::Request& request) {
  auto identity = verifier_.verify(request, sigv4_rules("lambda"));
  if (!identity) return std::nullopt;
  UrlCaller caller;
  caller.access_key = identity->access_key;
  caller.account = account_.id;
  caller.arn = caller_arn(account_, identity->function);
  caller.user = account_.id;
  return caller;
}

}  // namespace virga::server
