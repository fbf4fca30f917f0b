#pragma once

#include <string>
#include <vector>

#include "virga/dialects/aws/s3/call.h"
#include "virga/dialects/aws/s3/website_routing.h"

// Buckets as web sites, at BUCKET.website.localhost: whoever reaches the address may read them (S3 user guide, "Hosting
// a static website using Amazon S3").
namespace virga::dialects::aws::s3 {

struct Website {
  std::string index;          // what is shown of a folder: "index.html"
  std::string error;          // the key of what is shown for what is not there; "": a short text
  std::string redirect_host;  // everything is elsewhere
  std::string redirect_protocol;
  std::vector<RoutingRule> routing;
};
Answer<Website> read_website(const XmlNode& configuration);

io::Task<http::Response> answer_website(Call call);

// Whether a client takes this coding (RFC 9110 §12.5.3).
bool accepts_coding(std::string_view accept_encoding, std::string_view coding);

}  // namespace virga::dialects::aws::s3
