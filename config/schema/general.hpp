// Settings of the document as a whole.
#pragma once

#include <string>

#include "config/schema.hpp"

namespace freshet::config {

struct general_settings {
  std::string state_dir = "freshet-state";

  static void describe(schema<general_settings>& s) {
    s.setting("state_dir", &general_settings::state_dir,
              "Everything that Freshet keeps on disk lies below this folder, one folder for each node and role; "
              "relative to where the program starts. Must be on a local disk.")
        .check([](const std::string& folder) { return folder.empty() ? "name a folder" : ""; })
        .example("/var/lib/freshet");
  }
};

}  // namespace freshet::config
