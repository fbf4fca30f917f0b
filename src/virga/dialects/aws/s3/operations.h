#pragma once

#include <span>
#include <string_view>

#include "virga/dialects/aws/s3/call.h"

namespace virga::dialects::aws::s3 {

enum class Level { Service, Bucket, Object };

// One operation of S3's API: what tells it from the others of its method, and what answers it.
struct Operation {
  std::string_view name;
  std::string_view method;
  Level level;
  std::string_view parameter;                             // of the query; "": none
  std::string_view field;                                 // of the header; "": none
  io::Task<Answer<http::Response>> (*answer)(Call call);  // null: not built
};

// In the order in which they are looked at: the first that matches it is.
std::span<const Operation> operations();
// Null: there is none.
const Operation* find_operation(const http::Request& request, const Target& target);

// Of the bucket and its settings.
io::Task<Answer<http::Response>> list_buckets(Call call);
io::Task<Answer<http::Response>> create_bucket(Call call);
io::Task<Answer<http::Response>> head_bucket(Call call);
io::Task<Answer<http::Response>> delete_bucket(Call call);
io::Task<Answer<http::Response>> get_location(Call call);
io::Task<Answer<http::Response>> get_versioning(Call call);
io::Task<Answer<http::Response>> put_versioning(Call call);
io::Task<Answer<http::Response>> get_bucket_acl(Call call);
io::Task<Answer<http::Response>> get_bucket_tagging(Call call);
io::Task<Answer<http::Response>> put_bucket_tagging(Call call);
io::Task<Answer<http::Response>> delete_bucket_tagging(Call call);
io::Task<Answer<http::Response>> get_bucket_cors(Call call);
io::Task<Answer<http::Response>> put_bucket_cors(Call call);
io::Task<Answer<http::Response>> delete_bucket_cors(Call call);
io::Task<Answer<http::Response>> get_lifecycle(Call call);
io::Task<Answer<http::Response>> put_lifecycle(Call call);
io::Task<Answer<http::Response>> delete_lifecycle(Call call);
io::Task<Answer<http::Response>> get_website(Call call);
io::Task<Answer<http::Response>> put_website(Call call);
io::Task<Answer<http::Response>> delete_website(Call call);
io::Task<Answer<http::Response>> get_notification(Call call);
io::Task<Answer<http::Response>> put_notification(Call call);

// Lists.
io::Task<Answer<http::Response>> list_objects(Call call);
io::Task<Answer<http::Response>> list_objects_v2(Call call);
io::Task<Answer<http::Response>> list_versions(Call call);
io::Task<Answer<http::Response>> list_uploads(Call call);

// Objects.
io::Task<Answer<http::Response>> get_object(Call call);  // and HeadObject
io::Task<Answer<http::Response>> get_attributes(Call call);
io::Task<Answer<http::Response>> get_object_acl(Call call);
io::Task<Answer<http::Response>> put_object(Call call);
io::Task<Answer<http::Response>> copy_object(Call call);
io::Task<Answer<http::Response>> delete_object(Call call);
io::Task<Answer<http::Response>> delete_objects(Call call);
io::Task<Answer<http::Response>> get_tagging(Call call);
io::Task<Answer<http::Response>> put_tagging(Call call);
io::Task<Answer<http::Response>> delete_tagging(Call call);

// Uploads in parts.
io::Task<Answer<http::Response>> create_upload(Call call);
io::Task<Answer<http::Response>> upload_part(Call call);
io::Task<Answer<http::Response>> upload_part_copy(Call call);
io::Task<Answer<http::Response>> complete_upload(Call call);
io::Task<Answer<http::Response>> abort_upload(Call call);
io::Task<Answer<http::Response>> list_parts(Call call);

}  // namespace virga::dialects::aws::s3
