#include "virga/base/encoding.h"
#include "virga/dialects/aws/s3/operations.h"
#include "virga/dialects/aws/xml.h"

// Buckets: make, list, look at, delete; where they are, whether they keep versions, whose they are.
namespace virga::dialects::aws::s3 {
namespace {

void write_owner(XmlElement& outer, const Account& account, std::string_view name) {
  XmlElement owner(outer, name);
  owner.add("ID", account.id).add("DisplayName", "virga");
}

// The one account there is may do everything, and nobody else anything.
http::Response write_acl(const Call& call) {
  std::string document;
  {
    XmlElement policy(document, "AccessControlPolicy", kNamespace);
    write_owner(policy, call.services().account, "Owner");
    XmlElement list(policy, "AccessControlList");
    XmlElement grant(list, "Grant");
    document += R"(<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">)";
    grant.add("ID", call.services().account.id).add("DisplayName", "virga");
    document += "</Grantee>";
    grant.add("Permission", "FULL_CONTROL");
  }
  return xml_response(200, std::move(document));
}

}  // namespace

io::Task<Answer<http::Response>> list_buckets(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto buckets, co_await call.objects().buckets());
  auto prefix = call.text_parameter("prefix");
  auto after = call.text_parameter("continuation-token");
  VIRGA_S3_TRY_ASSIGN(auto most, call.number_parameter("max-buckets", 10'000, 10'000));
  std::string document;
  {
    XmlElement result(document, "ListAllMyBucketsResult", kNamespace);
    std::string last;
    bool is_truncated = false;
    {
      XmlElement list(result, "Buckets");
      std::size_t count = 0;
      for (const auto& bucket : buckets) {
        if (!bucket->name.starts_with(prefix) || bucket->name <= after) continue;
        if (count++ == most) {
          is_truncated = true;
          break;
        }
        last = bucket->name;
        XmlElement one(list, "Bucket");
        one.add("Name", bucket->name).add("CreationDate", format_rfc3339(bucket->created));
        one.add("BucketRegion", call.services().account.region);
      }
    }
    write_owner(result, call.services().account, "Owner");
    if (is_truncated) result.add("ContinuationToken", last);
    if (!prefix.empty()) result.add("Prefix", prefix);
  }
  co_return xml_response(200, std::move(document));
}

io::Task<Answer<http::Response>> create_bucket(Call call) {
  VIRGA_S3_TRY(check_bucket_name(call.bucket()));
  // Whatever place it names: there is one.
  VIRGA_S3_TRY_ASSIGN(auto document, co_await read_document(call));
  if (!document.empty()) {
    auto configuration = read_xml(document);
    if (!configuration) co_return malformed_xml(configuration.error().message());
    if (configuration->name != "CreateBucketConfiguration") co_return malformed_xml("its root is another one");
  }
  if (equals_ignoring_case(call.field("x-amz-bucket-object-lock-enabled"), "true")) {
    co_return refuse(501, "NotImplemented", "Virga does not implement object lock yet.");
  }
  auto made = co_await call.objects().create_bucket(call.bucket());
  if (!made) {
    // In the oldest region making one's own bucket again is no error; clients count on it.
    bool is_there = object::read_fault(made.error()).fault == object::Fault::BucketExists;
    if (!is_there || call.services().account.region != "us-east-1") co_return std::unexpected(as_refusal(made.error()));
  }
  auto response = empty_response(200);
  response.add("Location", "/" + call.bucket());
  co_return response;
}

io::Task<Answer<http::Response>> head_bucket(Call call) {
  VIRGA_S3_TRY(co_await call.objects().bucket(call.bucket()));
  auto response = empty_response(200);
  response.add("x-amz-bucket-region", call.services().account.region);
  response.add("Content-Type", "application/xml");
  co_return response;
}

io::Task<Answer<http::Response>> delete_bucket(Call call) {
  VIRGA_S3_TRY(co_await call.objects().delete_bucket(call.bucket()));
  co_return empty_response(204);
}

io::Task<Answer<http::Response>> get_location(Call call) {
  VIRGA_S3_TRY(co_await call.objects().bucket(call.bucket()));
  const auto& region = call.services().account.region;
  std::string document;
  {
    XmlElement location(document, "LocationConstraint", kNamespace);
    if (region != "us-east-1") location.text(region);
  }
  co_return xml_response(200, std::move(document));
}

io::Task<Answer<http::Response>> get_versioning(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto bucket, co_await call.objects().bucket(call.bucket()));
  std::string document;
  {
    XmlElement configuration(document, "VersioningConfiguration", kNamespace);
    if (bucket->versioning == object::Versioning::Enabled) configuration.add("Status", "Enabled");
    if (bucket->versioning == object::Versioning::Suspended) configuration.add("Status", "Suspended");
  }
  co_return xml_response(200, std::move(document));
}

io::Task<Answer<http::Response>> put_versioning(Call call) {
  VIRGA_S3_TRY_ASSIGN(auto configuration, co_await read_document_xml(call, "VersioningConfiguration"));
  auto status = configuration.text_of("Status");
  if (status != "Enabled" && status != "Suspended") {
    co_return refuse(400, "IllegalVersioningConfigurationException",
                     "Status must be Enabled or Suspended, and not '" + std::string(status) + "'.");
  }
  if (configuration.text_of("MfaDelete") == "Enabled") {
    co_return refuse(501, "NotImplemented", "Virga does not implement MfaDelete.");
  }
  auto versioning = status == "Enabled" ? object::Versioning::Enabled : object::Versioning::Suspended;
  std::function<void(object::Bucket&)> change = [versioning](object::Bucket& bucket) {
    bucket.versioning = versioning;
  };
  VIRGA_S3_TRY(co_await call.objects().change_bucket(call.bucket(), std::move(change)));
  co_return empty_response(200);
}

io::Task<Answer<http::Response>> get_bucket_acl(Call call) {
  VIRGA_S3_TRY(co_await call.objects().bucket(call.bucket()));
  co_return write_acl(call);
}

io::Task<Answer<http::Response>> get_object_acl(Call call) {
  VIRGA_S3_TRY(co_await call.objects().find(call.bucket(), call.key(), call.version()));
  co_return write_acl(call);
}

}  // namespace virga::dialects::aws::s3
