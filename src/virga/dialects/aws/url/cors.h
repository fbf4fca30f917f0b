#pragma once

#include "virga/http/message.h"
#include "virga/model/url.h"

namespace virga::dialects::aws {

// Cross-origin answers that the platform gives instead of the function (Fetch standard, "CORS protocol"; AWS Lambda
// developer guide, "Cross-origin resource sharing").

// OPTIONS with Origin and Access-Control-Request-Method.
bool is_preflight(const http::Request& request);
http::Response answer_preflight(const http::Request& request, const model::Cors& cors);

// Replaces what the function itself said about origins by what the configuration says.
void apply_cors(http::Response& response, const http::Request& request, const model::Cors& cors);

}  // namespace virga::dialects::aws
