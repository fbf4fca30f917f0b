#include "virga/dialects/aws/s3/post_form.h"

#include <memory>
#include <vector>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/s3/checksums.h"
#include "virga/dialects/aws/s3/description.h"
#include "virga/dialects/aws/s3/form.h"
#include "virga/dialects/aws/s3/policy.h"
#include "virga/dialects/aws/s3/sigv2.h"
#include "virga/dialects/aws/sigv4_canonical.h"
#include "virga/dialects/aws/xml.h"

namespace virga::dialects::aws::s3 {
namespace {

std::unexpected<Refusal> denied() {
  return refuse(403, "AccessDenied", "Access Denied: the form needs a policy, signed with an access key.");
}

// Whose signature the policy has.
Answer<std::string> signer_of(const FormDecoder& form, const FindAccessKey& find) {
  auto policy = form.field("policy");
  auto credential = form.field("x-amz-credential");
  bool is_new = !credential.empty();
  std::string id = is_new ? credential.substr(0, credential.find('/')) : form.field("awsaccesskeyid");
  auto signature = form.field(is_new ? "x-amz-signature" : "signature");
  if (policy.empty()) return denied();
  if (id.empty() || signature.empty()) {
    return invalid_argument("Bucket POST must contain the fields of a signature beside the policy.");
  }
  auto key = find(id);
  std::string secret = key ? key->secret : "an unknown key";
  std::string right;
  if (is_new) {
    // KEY/DATE/REGION/SERVICE/aws4_request
    std::vector<std::string_view> parts;
    for (std::string_view rest = credential; !rest.empty();) {
      auto slash = rest.find('/');
      parts.push_back(rest.substr(0, slash));
      rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    }
    if (parts.size() != 5 || form.field("x-amz-algorithm") != sigv4::kAlgorithm) {
      return invalid_request("x-amz-credential and x-amz-algorithm are not those of AWS4-HMAC-SHA256.");
    }
    right = sigv4::signature(sigv4::signing_key(secret, {parts[1], parts[2], parts[3]}), policy);
  } else {
    right = sigv2_signature(secret, policy);
  }
  if (!equals_in_constant_time(right, signature) || !key) {
    return refuse(403, "SignatureDoesNotMatch",
                  "The request signature we calculated does not match the signature you provided, or the access key id "
                  "is not known here.");
  }
  return id;
}

// The form's fields as if they were those of a request, for what is kept of an object.
Answer<object::Description> describe_form(const FormDecoder& form) {
  std::vector<http::Field> fields;
  for (const auto& [name, value] : form.fields()) fields.push_back({name, value});
  if (form.field("content-type").empty() && !form.file_type().empty()) {
    fields.push_back({"content-type", form.file_type()});
  }
  http::Request request;
  request.fields = fields;
  object::Description description;
  VIRGA_OR_REFUSE(description.fields, described_fields(request));
  auto tagging = form.field("tagging");
  if (tagging.empty()) return description;
  auto node = read_xml(tagging);
  if (!node) return malformed_xml(node.error().message());
  VIRGA_OR_REFUSE(description.tags, read_tagging(*node, 10));
  return description;
}

Answer<ClaimedChecksum> claimed_of(const FormDecoder& form) {
  std::vector<http::Field> fields;
  for (const auto& [name, value] : form.fields()) fields.push_back({name, value});
  http::Request request;
  request.fields = fields;
  return claimed_checksum(request);
}

http::Response answer_form(const Call& call, const FormDecoder& form, const std::string& key,
                           const object::Version& version) {
  auto place = call.services().account.base_url + "/" + call.bucket() + "/" + percent_encode(key, Slash::Keep);
  auto to = form.field("success_action_redirect");
  if (to.empty()) to = form.field("redirect");
  auto status = form.field("success_action_status");
  http::Response response = empty_response(204);
  if (!to.empty()) {
    response.status = 303;
    to += to.find('?') == std::string::npos ? '?' : '&';
    to += "bucket=" + percent_encode(call.bucket()) + "&key=" + percent_encode(key) +
          "&etag=" + percent_encode(quoted(version.etag));
    response.add("Location", to);
  } else if (status == "201") {
    std::string document;
    {
      XmlElement result(document, "PostResponse");
      result.add("Location", place).add("Bucket", call.bucket()).add("Key", key).add("ETag", quoted(version.etag));
    }
    response = xml_response(201, std::move(document));
  } else if (status == "200") {
    response.status = 200;
  }
  response.add("ETag", quoted(version.etag));
  if (to.empty()) response.add("Location", place);
  if (version.id != object::kNullVersion) response.add("x-amz-version-id", version.id);
  return response;
}

}  // namespace

io::Task<Answer<http::Response>> post_object(Call call) {
  auto boundary = FormDecoder::boundary_of(call.field("content-type"));
  if (!boundary)
    co_return refuse(412, "PreconditionFailed", "Bucket POST must be of the enclosure-type multipart/form-data");
  VIRGA_S3_TRY(co_await call.objects().bucket(call.bucket()));
  FormDecoder form(*boundary);
  std::unique_ptr<object::FileWriter> writer;
  FormPolicy policy;
  std::string signer;
  std::string key;
  object::Description description;
  ClaimedChecksum claimed;
  std::string piece;
  auto* stream = call.request().stream;
  while (stream != nullptr && !form.is_done()) {
    VIRGA_S3_TRY_ASSIGN(auto bytes, co_await stream->next());
    if (bytes.empty()) break;
    piece.clear();
    auto fed = form.feed(bytes, piece);
    if (!fed) co_return refuse(400, "MalformedPOSTRequest", fed.error().message());
    if (!form.has_file()) continue;
    if (writer == nullptr) {
      // The fields are complete: nothing of the file is taken before they are proven.
      VIRGA_S3_TRY_ASSIGN(signer, signer_of(form, call.services().find_key));
      auto text = from_base64(form.field("policy"));
      if (!text) co_return refuse(400, "InvalidPolicyDocument", "The policy is no Base64.");
      VIRGA_S3_TRY_ASSIGN(policy, read_policy(*text, call.services().clock.wall()));
      key = form.field("key");
      if (key.empty()) co_return invalid_argument("Bucket POST must contain a field named 'key'.");
      constexpr std::string_view kName = "${filename}";
      if (auto at = key.find(kName); at != std::string::npos) key.replace(at, kName.size(), form.file_name());
      auto fields = form.fields();
      fields.insert_or_assign("bucket", call.bucket());
      fields.insert_or_assign("key", key);
      VIRGA_S3_TRY(check_policy(policy, fields));
      VIRGA_S3_TRY_ASSIGN(description, describe_form(form));
      VIRGA_S3_TRY_ASSIGN(claimed, claimed_of(form));
      std::vector<object::ChecksumAlgorithm> algorithms{claimed.algorithm};
      writer = call.objects().write(std::move(algorithms));
    }
    if (!piece.empty()) VIRGA_S3_TRY(co_await writer->write(piece));
    if (writer->size() > policy.most) {
      co_return refuse(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.");
    }
  }
  if (writer == nullptr || !form.is_done()) {
    co_return refuse(400, "MalformedPOSTRequest",
                     "The body of your POST request is not well-formed "
                     "multipart/form-data: it has no file, or ends in it.");
  }
  if (writer->size() < policy.least) {
    co_return refuse(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size.");
  }
  // What follows the file is read, so that the connection can go on.
  while (true) {
    VIRGA_S3_TRY_ASSIGN(auto rest, co_await stream->next());
    if (rest.empty()) break;
  }
  VIRGA_S3_TRY_ASSIGN(auto file, co_await writer->finish());
  if (claimed.algorithm != object::ChecksumAlgorithm::None) {
    std::string digest(file.digest(claimed.algorithm));
    if (!claimed.bytes.empty() && digest != claimed.bytes) {
      call.objects().discard(std::move(file));
      co_return refuse(400, "BadDigest", "The checksum of the form did not match the calculated checksum.");
    }
    description.checksum = {claimed.algorithm, object::ChecksumType::FullObject, std::move(digest)};
  }
  auto origin = call.origin();
  origin.access_key = signer;
  VIRGA_S3_TRY_ASSIGN(auto version,
                      co_await call.objects().put(call.bucket(), key, std::move(file), std::move(description),
                                                  object::Condition(), object::ChangeKind::Post, std::move(origin)));
  co_return answer_form(call, form, key, version);
}

}  // namespace virga::dialects::aws::s3
