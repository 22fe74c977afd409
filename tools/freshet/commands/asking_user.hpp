// Who gives a command: what histories keep.
#pragma once

#include <string>

namespace freshet::cli {

/// "ann@edge-7": the user, or its number where it has no name, and this host.
[[nodiscard]] std::string asking_user();

}  // namespace freshet::cli
