#pragma once

#include "virga/dialects/aws/aws_api.h"
#include "virga/dialects/aws/events/events_api.h"
#include "virga/dialects/aws/lambda/lambda_api.h"
#include "virga/dialects/aws/lambda/package_links.h"
#include "virga/dialects/aws/s3/s3_api.h"
#include "virga/dialects/aws/scheduler/scheduler_api.h"
#include "virga/dialects/aws/sigv4.h"
#include "virga/dialects/aws/sns/sns_api.h"
#include "virga/dialects/aws/sqs/sqs_api.h"
#include "virga/dialects/aws/sts/sts_api.h"
#include "virga/dialects/aws/url/function_urls.h"
#include "virga/server/event_services.h"
#include "virga/server/keys.h"

namespace virga::server {

// The parts of the AWS dialect, put together. One loop; what it is given outlives it.
class AwsDialect {
 public:
  struct Parts {
    catalog::Catalog& catalog;
    deploy::Deployments& deployments;
    dispatch::Invoker& invoker;
    EventServices& services;
    io::Loop& loop;
    const runtime::Runtimes& runtimes;
    Random& random;
    dialects::aws::Account account;
    const RootKey& key;
    dialects::aws::WithoutUrl without_url;
    metrics::Registry& metrics;
  };
  explicit AwsDialect(Parts parts);

  dialects::aws::SigV4Verifier& verifier() { return verifier_; }
  dialects::aws::PackageLinks& links() { return links_; }
  dialects::aws::AwsApi& api() { return api_; }
  dialects::aws::FunctionUrls& urls() { return urls_; }

 private:
  dialects::aws::FindAccessKey find_key() const;
  std::optional<dialects::aws::AccessKey> key_of_function(std::string_view id) const;
  std::optional<dialects::aws::UrlCaller> url_caller(const http::Request& request);

  dialects::aws::Account account_;
  const RootKey& key_;
  const catalog::Catalog& catalog_;
  dialects::aws::SigV4Verifier verifier_;
  dialects::aws::PackageLinks links_;
  dialects::aws::LambdaApi lambda_;
  dialects::aws::S3Api s3_;
  dialects::aws::StsApi sts_;
  dialects::aws::EventsApi events_;
  dialects::aws::SchedulerApi scheduler_;
  dialects::aws::SnsApi sns_;
  dialects::aws::SqsApi sqs_;
  dialects::aws::AwsApi api_;
  dialects::aws::FunctionUrls urls_;
};

}  // namespace virga::server
