#pragma once

#include <string>

// How what is kept of a bucket's settings is called, in its record.
namespace virga::dialects::aws::s3 {

inline const std::string kCors = "cors";
inline const std::string kTagging = "tagging";
inline const std::string kLifecycle = "lifecycle";
inline const std::string kWebsite = "website";
inline const std::string kNotification = "notification";

}  // namespace virga::dialects::aws::s3
