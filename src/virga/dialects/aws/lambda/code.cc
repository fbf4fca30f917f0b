#include "virga/dialects/aws/lambda/code.h"

namespace virga::dialects::aws::lambda {

Code read_code(Members& members) {
  Code code;
  code.zip = members.blob("ZipFile");
  code.in_s3 = members.has("S3Bucket") || members.has("S3Key");
  code.image = members.has("ImageUri");
  return code;
}

Answer<std::string> take_zip(Code code) {
  if (code.image) {
    return std::unexpected(invalid_parameter(
        "ImageUri cannot be used: Virga runs .zip packages, not container images. Give the code as ZipFile."));
  }
  if (code.in_s3) {
    return std::unexpected(
        invalid_parameter("S3Bucket and S3Key cannot be used yet: Virga has no object store yet. Give the code as "
                          "ZipFile (at most 50 MB)."));
  }
  if (!code.zip || code.zip->empty()) {
    return std::unexpected(
        invalid_parameter("Please provide a source for function code: ZipFile, the Base64 of a .zip."));
  }
  return std::move(*code.zip);
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
