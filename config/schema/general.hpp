// Settings of the document as a whole.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "config/schema.hpp"
#include "config/schema/node.hpp"

namespace freshet::config {

struct general_settings {
  std::string state_dir = "freshet-state";
  std::vector<std::string> drained;

  static void describe(schema<general_settings>& s) {
    s.setting("state_dir", &general_settings::state_dir,
              "Everything that Freshet keeps on disk lies below this folder, one folder for each node and role; "
              "relative to where the program starts. Must be on a local disk.")
        .check([](const std::string& folder) { return folder.empty() ? "name a folder" : ""; })
        .example("/var/lib/freshet");
    s.setting("drained", &general_settings::drained,
              "Nodes that are written below and do not run: `freshet drain NODE` puts one here, `freshet resume NODE` "
              "takes it out. Its devices keep their numbers.")
        .check([](const std::vector<std::string>& names) -> std::string {
          for (const std::string& name : names)
            if (const std::string wrong = name_problem(name); !wrong.empty()) return wrong;
          return "";
        })
        .example({"edge-1"});
  }
};

}  // namespace freshet::config
