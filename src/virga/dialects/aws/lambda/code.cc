#include "virga/dialects/aws/lambda/code.h"

namespace virga::dialects::aws::lambda {

namespace {

constexpr std::uint64_t kLargestArchive = 250u << 20;  // bytes; what it may unpack to

}  // namespace

Code read_code(Members& members) {
  Code code;
  code.zip = members.blob("ZipFile");
  code.bucket = members.text("S3Bucket", {3, 63}).value_or("");
  code.key = members.text("S3Key", {1, 1024}).value_or("");
  code.object_version = members.text("S3ObjectVersion", {1, 1024}).value_or("");
  code.image = members.has("ImageUri");
  return code;
}

Answer<Code> check_code(Code code) {
  if (code.image) {
    return std::unexpected(invalid_parameter(
        "ImageUri cannot be used: Virga runs .zip packages, not container images. Give the code as ZipFile."));
  }
  if (code.bucket.empty() != code.key.empty()) {
    return std::unexpected(invalid_parameter("S3Bucket and S3Key belong together: give both, or a ZipFile."));
  }
  if (!code.bucket.empty() && code.zip) {
    return std::unexpected(
        invalid_parameter("Please do not provide other FunctionCode parameters when providing a "
                          "ZipFile."));
  }
  if (code.bucket.empty() && (!code.zip || code.zip->empty())) {
    return std::unexpected(invalid_parameter(
        "Please provide a source for function code: ZipFile, the Base64 of a .zip, or S3Bucket and S3Key."));
  }
  return code;
}

io::Task<Answer<std::string>> take_zip(Call call, Code code) {
  if (code.zip) co_return std::move(*code.zip);
  auto* objects = call.services().objects;
  auto refuse = [&](std::string_view what) {
    return std::unexpected(invalid_parameter("Error occurred while GetObject of S3Bucket '" + code.bucket +
                                             "', S3Key '" + code.key + "': " + std::string(what)));
  };
  if (objects == nullptr) co_return refuse("there is no object store here");
  auto version = co_await objects->find(code.bucket, code.key, code.object_version);
  if (!version) co_return refuse(version.error().message());
  auto size = version->size;
  if (size > kLargestArchive) co_return refuse("it has more than 250 MiB");
  auto reader = co_await objects->read(std::move(*version), 0, size);
  if (!reader) co_return refuse(reader.error().message());
  std::string zip;
  while (true) {
    auto bytes = co_await (*reader)->next();
    if (!bytes) co_return refuse(bytes.error().message());
    if (bytes->empty()) break;
    zip += *bytes;
  }
  co_return zip;
}

Refusal refuse_archive(const Error& error) {
  if (error.code() == ErrorCode::InvalidArgument) {
    return invalid_parameter("Could not unzip uploaded file. Please check your file, then try to upload again. (" +
                             error.message() + ")");
  }
  return refuse_package(error);
}

Refusal refuse_package(const Error& error) {
  return error.code() == ErrorCode::TooLarge ? invalid_parameter(error.message()) : to_refusal(error);
}

}  // namespace virga::dialects::aws::lambda
