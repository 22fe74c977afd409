// Documents as text, from the schemas: the annotated example, and the effective whole of a document.
// Both are TOML that read_document takes.
#pragma once

#include <string>

#include "config/document.hpp"

namespace freshet::config {

/// Every setting with its prose, type, bounds and default, and a small topology around them. The file
/// config/freshet.example.toml is this text; a test keeps it so.
[[nodiscard]] std::string annotated_example();

/// What a document amounts to once all defaults are in: every role with every setting; those that differ
/// from the default say so.
[[nodiscard]] std::string effective_text(const document& doc);

}  // namespace freshet::config
