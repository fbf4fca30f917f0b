#pragma once

#include <string>
#include <utility>
#include <vector>

namespace virga::dialects::aws::testing {

// Made by make_sigv4_vectors.py with botocore 1.43.11. Do not edit.
struct SigV4Vector {
  std::string name, service, method, target;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body, token;
};

inline std::vector<SigV4Vector> sigv4_vectors() {
  return {
      {"get-vanilla",
       "service",
       "GET",
       "/",
       {{"Host", "example.amazonaws.com"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
         "SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"}},
       "",
       ""},
      {"post-vanilla",
       "service",
       "POST",
       "/",
       {{"Host", "example.amazonaws.com"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
         "SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"}},
       "",
       ""},
      {"get-vanilla-query-order-key-case",
       "service",
       "GET",
       "/?Param2=value2&Param1=value1",
       {{"Host", "example.amazonaws.com"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
         "SignedHeaders=host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"}},
       "",
       ""},
      {"get-vanilla-query-order-value",
       "service",
       "GET",
       "/?Param1=value2&Param1=Value1",
       {{"Host", "example.amazonaws.com"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
         "SignedHeaders=host;x-amz-date, Signature=eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"}},
       "",
       ""},
      {"get-vanilla-query-unreserved",
       "service",
       "GET",
       "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~"
       "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
       {{"Host", "example.amazonaws.com"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
         "SignedHeaders=host;x-amz-date, Signature=9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"}},
       "",
       ""},
      {"get-vanilla-empty-query-key",
       "service",
       "GET",
       "/?Param1=",
       {{"Host", "example.amazonaws.com"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
         "SignedHeaders=host;x-amz-date, Signature=506693d22b79f51760ff2217fe207bb63f86e8f316bf6c217a3c65d33d15410a"}},
       "",
       ""},
      {"get-utf8",
       "service",
       "GET",
       "/%E1%88%B4",
       {{"Host", "example.amazonaws.com"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
         "SignedHeaders=host;x-amz-date, Signature=697b34846207a3f72246f99d74ae1ee4fe54f44bb06730c58a0d339eb079596d"}},
       "",
       ""},
      {"get-space",
       "service",
       "GET",
       "/example%20space/",
       {{"Host", "example.amazonaws.com"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
         "SignedHeaders=host;x-amz-date, Signature=446b817944c553435b35e813c261ff4e161fff982d1bacdef1c87f6785dd1662"}},
       "",
       ""},
      {"get-relative",
       "service",
       "GET",
       "/example/..",
       {{"Host", "example.amazonaws.com"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
         "SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"}},
       "",
       ""},
      {"get-relative-relative",
       "service",
       "GET",
       "/example1/example2/../..",
       {{"Host", "example.amazonaws.com"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
         "SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"}},
       "",
       ""},
      {"get-slash-dot-slash",
       "service",
       "GET",
       "/./",
       {{"Host", "example.amazonaws.com"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
         "SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"}},
       "",
       ""},
      {"get-slash-pointless-dot",
       "service",
       "GET",
       "/./example",
       {{"Host", "example.amazonaws.com"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
         "SignedHeaders=host;x-amz-date, Signature=ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"}},
       "",
       ""},
      {"get-slashes",
       "service",
       "GET",
       "//example//",
       {{"Host", "example.amazonaws.com"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
         "SignedHeaders=host;x-amz-date, Signature=9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"}},
       "",
       ""},
      {"get-header-value-trim",
       "service",
       "GET",
       "/",
       {{"Host", "example.amazonaws.com"},
        {"My-Header1", " value1"},
        {"My-Header2", " \"a   b   c\""},
        {"X-Amz-Date", "20150830T123600Z"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
         "SignedHeaders=host;my-header1;my-header2;x-amz-date, "
         "Signature=acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"}},
       "",
       ""},
      {"post-x-www-form-urlencoded",
       "service",
       "POST",
       "/",
       {{"Host", "example.amazonaws.com"},
        {"Content-Type", "application/x-www-form-urlencoded"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
         "SignedHeaders=content-type;host;x-amz-date, "
         "Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"}},
       "Param1=value1",
       ""},
      {"post-sts-header",
       "service",
       "POST",
       "/",
       {{"Host", "example.amazonaws.com"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"X-Amz-Security-Token", "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW=="},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
         "SignedHeaders=host;x-amz-date;x-amz-security-token, "
         "Signature=3a5bafe996ee98e3b0eb985f0cae32b8a6d5c2937ce51f8b9b6a2ee2f19d9eac"}},
       "",
       "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW=="},
      {"lambda-invoke-by-arn",
       "lambda",
       "POST",
       "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello/"
       "invocations?Qualifier=%24LATEST",
       {{"Host", "example.amazonaws.com"},
        {"X-Amz-Invocation-Type", "Event"},
        {"X-Amz-Client-Context", "e30="},
        {"X-Amz-Date", "20150830T123600Z"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/lambda/aws4_request, "
         "SignedHeaders=host;x-amz-client-context;x-amz-date;x-amz-invocation-type, "
         "Signature=bbc145039ce0529e6716f09ed6267428f6ac334c55f4dfcdf8c49e37aab1094a"}},
       "{\"a\": \"\303\251\"}",
       ""},
      {"sqs-json",
       "sqs",
       "POST",
       "/",
       {{"Host", "example.amazonaws.com"},
        {"X-Amz-Target", "AmazonSQS.SendMessage"},
        {"Content-Type", "application/x-amz-json-1.0"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/sqs/aws4_request, "
         "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
         "Signature=3c1691942006293759181053fd3c04a9dce4c77759ed6c46d83963a1e01e3a16"}},
       "{}",
       ""},
      {"s3-put",
       "s3",
       "PUT",
       "/bucket/a%20b/%C3%A9~-._/%2F//x?partNumber=1&uploadId=a%2Bb",
       {{"Host", "example.amazonaws.com"},
        {"x-amz-meta-k", "v"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"X-Amz-Content-SHA256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request, "
         "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-meta-k, "
         "Signature=4987ce68631b9218ac4876e5462a8ce9c01f44e1674e93053872e94f4f01a0bf"}},
       "hello",
       ""},
      {"s3-dots",
       "s3",
       "GET",
       "/bucket/../key/./x",
       {{"Host", "example.amazonaws.com"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"X-Amz-Content-SHA256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request, "
         "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
         "Signature=a24fa870a02ac549a139d4d6ecb70c482197464b1ae11e8cb1f7bdf62129d298"}},
       "",
       ""},
      {"s3-list",
       "s3",
       "GET",
       "/bucket?list-type=2&prefix=a%2F&delimiter=%2F&acl",
       {{"Host", "example.amazonaws.com"},
        {"X-Amz-Date", "20150830T123600Z"},
        {"X-Amz-Security-Token", "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW=="},
        {"X-Amz-Content-SHA256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request, "
         "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, "
         "Signature=5995d5e1b84e39a7ac7bf218d408eee27da3f9297ececd1fb7095ceea3fef619"}},
       "",
       "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW=="},
      {"presigned-lambda",
       "lambda",
       "GET",
       "/2015-03-31/functions/"
       "?MaxItems=5&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Flambda%"
       "2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature="
       "df535426f2f38bcab16b3d55ccf6fec0e199925be07d0c306867ecd601a35083",
       {{"Host", "example.amazonaws.com"}},
       "",
       ""},
      {"presigned-token",
       "sts",
       "GET",
       "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%"
       "2F20150830%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=600&X-Amz-SignedHeaders="
       "host%3Bx-k8s-aws-id&X-Amz-Security-Token=AQoDYXdzEPT%2F%2F%2F%2F%2F%2F%2F%2F%2F%"
       "2FwEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW%3D%3D&X-Amz-Signature="
       "3162802f8863b87075783492885eb44c0ae3c463d813936d4c3cca2b4270356e",
       {{"Host", "example.amazonaws.com"}, {"x-k8s-aws-id", "c"}},
       "",
       "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW=="},
      {"presigned-s3",
       "s3",
       "GET",
       "/bucket/"
       "a%20b?response-content-type=text%2Fplain&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%"
       "2F20150830%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=600&X-Amz-SignedHeaders="
       "host&X-Amz-Signature=7dbf91ccc182a8c129d052986fd20add74e28b78708f4abef0a51bc11e1fde87",
       {{"Host", "example.amazonaws.com"}},
       "",
       ""},
  };
}

}  // namespace virga::dialects::aws::testing
