#include "virga/dialects/aws/s3/operations.h"

#include <array>

#include "virga/dialects/aws/query.h"

namespace virga::dialects::aws::s3 {
namespace {

using enum Level;

constexpr std::array kOperations = {
    Operation{"ListBuckets", "GET", Service, "", "", list_buckets},

    // ---- Buckets.
    Operation{"GetBucketLocation", "GET", Bucket, "location", "", get_location},
    Operation{"GetBucketVersioning", "GET", Bucket, "versioning", "", get_versioning},
    Operation{"PutBucketVersioning", "PUT", Bucket, "versioning", "", put_versioning},
    Operation{"GetBucketAcl", "GET", Bucket, "acl", "", get_bucket_acl},
    Operation{"GetBucketTagging", "GET", Bucket, "tagging", "", get_bucket_tagging},
    Operation{"PutBucketTagging", "PUT", Bucket, "tagging", "", put_bucket_tagging},
    Operation{"DeleteBucketTagging", "DELETE", Bucket, "tagging", "", delete_bucket_tagging},
    Operation{"GetBucketCors", "GET", Bucket, "cors", "", get_bucket_cors},
    Operation{"PutBucketCors", "PUT", Bucket, "cors", "", put_bucket_cors},
    Operation{"DeleteBucketCors", "DELETE", Bucket, "cors", "", delete_bucket_cors},
    Operation{"GetBucketLifecycleConfiguration", "GET", Bucket, "lifecycle", "", get_lifecycle},
    Operation{"PutBucketLifecycleConfiguration", "PUT", Bucket, "lifecycle", "", put_lifecycle},
    Operation{"DeleteBucketLifecycle", "DELETE", Bucket, "lifecycle", "", delete_lifecycle},
    Operation{"GetBucketWebsite", "GET", Bucket, "website", "", get_website},
    Operation{"PutBucketWebsite", "PUT", Bucket, "website", "", put_website},
    Operation{"DeleteBucketWebsite", "DELETE", Bucket, "website", "", delete_website},
    Operation{"GetBucketNotificationConfiguration", "GET", Bucket, "notification", "", get_notification},
    Operation{"PutBucketNotificationConfiguration", "PUT", Bucket, "notification", "", put_notification},
    Operation{"ListMultipartUploads", "GET", Bucket, "uploads", "", list_uploads},
    Operation{"ListObjectVersions", "GET", Bucket, "versions", "", list_versions},
    Operation{"DeleteObjects", "POST", Bucket, "delete", "", delete_objects},
    Operation{"PutBucketAcl", "PUT", Bucket, "acl", "", nullptr},
    Operation{"GetBucketPolicy", "GET", Bucket, "policy", "", nullptr},
    Operation{"PutBucketPolicy", "PUT", Bucket, "policy", "", nullptr},
    Operation{"DeleteBucketPolicy", "DELETE", Bucket, "policy", "", nullptr},
    Operation{"GetBucketPolicyStatus", "GET", Bucket, "policyStatus", "", nullptr},
    Operation{"GetBucketEncryption", "GET", Bucket, "encryption", "", nullptr},
    Operation{"PutBucketEncryption", "PUT", Bucket, "encryption", "", nullptr},
    Operation{"DeleteBucketEncryption", "DELETE", Bucket, "encryption", "", nullptr},
    Operation{"GetPublicAccessBlock", "GET", Bucket, "publicAccessBlock", "", nullptr},
    Operation{"PutPublicAccessBlock", "PUT", Bucket, "publicAccessBlock", "", nullptr},
    Operation{"DeletePublicAccessBlock", "DELETE", Bucket, "publicAccessBlock", "", nullptr},
    Operation{"GetBucketOwnershipControls", "GET", Bucket, "ownershipControls", "", nullptr},
    Operation{"PutBucketOwnershipControls", "PUT", Bucket, "ownershipControls", "", nullptr},
    Operation{"DeleteBucketOwnershipControls", "DELETE", Bucket, "ownershipControls", "", nullptr},
    Operation{"GetObjectLockConfiguration", "GET", Bucket, "object-lock", "", nullptr},
    Operation{"PutObjectLockConfiguration", "PUT", Bucket, "object-lock", "", nullptr},
    Operation{"GetBucketLogging", "GET", Bucket, "logging", "", nullptr},
    Operation{"PutBucketLogging", "PUT", Bucket, "logging", "", nullptr},
    Operation{"GetBucketReplication", "GET", Bucket, "replication", "", nullptr},
    Operation{"PutBucketReplication", "PUT", Bucket, "replication", "", nullptr},
    Operation{"DeleteBucketReplication", "DELETE", Bucket, "replication", "", nullptr},
    Operation{"GetBucketRequestPayment", "GET", Bucket, "requestPayment", "", nullptr},
    Operation{"PutBucketRequestPayment", "PUT", Bucket, "requestPayment", "", nullptr},
    Operation{"GetBucketAccelerateConfiguration", "GET", Bucket, "accelerate", "", nullptr},
    Operation{"PutBucketAccelerateConfiguration", "PUT", Bucket, "accelerate", "", nullptr},
    Operation{"GetBucketInventoryConfiguration", "GET", Bucket, "inventory", "", nullptr},
    Operation{"PutBucketInventoryConfiguration", "PUT", Bucket, "inventory", "", nullptr},
    Operation{"GetBucketAnalyticsConfiguration", "GET", Bucket, "analytics", "", nullptr},
    Operation{"GetBucketMetricsConfiguration", "GET", Bucket, "metrics", "", nullptr},
    Operation{"GetBucketIntelligentTieringConfiguration", "GET", Bucket, "intelligent-tiering", "", nullptr},
    Operation{"CreateSession", "GET", Bucket, "session", "", nullptr},
    Operation{"ListObjectsV2", "GET", Bucket, "list-type", "", list_objects_v2},
    Operation{"ListObjects", "GET", Bucket, "", "", list_objects},
    Operation{"HeadBucket", "HEAD", Bucket, "", "", head_bucket},
    Operation{"CreateBucket", "PUT", Bucket, "", "", create_bucket},
    Operation{"DeleteBucket", "DELETE", Bucket, "", "", delete_bucket},

    // ---- Objects.
    Operation{"UploadPartCopy", "PUT", Object, "partNumber", "x-amz-copy-source", upload_part_copy},
    Operation{"UploadPart", "PUT", Object, "partNumber", "", upload_part},
    Operation{"CreateMultipartUpload", "POST", Object, "uploads", "", create_upload},
    Operation{"CompleteMultipartUpload", "POST", Object, "uploadId", "", complete_upload},
    Operation{"AbortMultipartUpload", "DELETE", Object, "uploadId", "", abort_upload},
    Operation{"ListParts", "GET", Object, "uploadId", "", list_parts},
    Operation{"GetObjectAttributes", "GET", Object, "attributes", "", get_attributes},
    Operation{"GetObjectTagging", "GET", Object, "tagging", "", get_tagging},
    Operation{"PutObjectTagging", "PUT", Object, "tagging", "", put_tagging},
    Operation{"DeleteObjectTagging", "DELETE", Object, "tagging", "", delete_tagging},
    Operation{"GetObjectAcl", "GET", Object, "acl", "", get_object_acl},
    Operation{"PutObjectAcl", "PUT", Object, "acl", "", nullptr},
    Operation{"GetObjectRetention", "GET", Object, "retention", "", nullptr},
    Operation{"PutObjectRetention", "PUT", Object, "retention", "", nullptr},
    Operation{"GetObjectLegalHold", "GET", Object, "legal-hold", "", nullptr},
    Operation{"PutObjectLegalHold", "PUT", Object, "legal-hold", "", nullptr},
    Operation{"GetObjectTorrent", "GET", Object, "torrent", "", nullptr},
    Operation{"RestoreObject", "POST", Object, "restore", "", nullptr},
    Operation{"SelectObjectContent", "POST", Object, "select", "", nullptr},
    Operation{"RenameObject", "PUT", Object, "renameObject", "", nullptr},
    Operation{"CopyObject", "PUT", Object, "", "x-amz-copy-source", copy_object},
    Operation{"PutObject", "PUT", Object, "", "", put_object},
    Operation{"GetObject", "GET", Object, "", "", get_object},
    Operation{"HeadObject", "HEAD", Object, "", "", get_object},
    Operation{"DeleteObject", "DELETE", Object, "", "", delete_object},
};

}  // namespace

std::span<const Operation> operations() {
  return kOperations;
}

const Operation* find_operation(const http::Request& request, const Target& target) {
  auto level = target.bucket.empty() ? Service : target.key.empty() ? Bucket : Object;
  Query query(request.query);
  for (const auto& operation : kOperations) {
    if (operation.level != level || operation.method != request.method) continue;
    if (!operation.parameter.empty() && !query.find(operation.parameter)) continue;
    if (!operation.field.empty() && request.field(operation.field).empty()) continue;
    return &operation;
  }
  return nullptr;
}

}  // namespace virga::dialects::aws::s3
