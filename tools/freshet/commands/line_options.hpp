// What makes the line of a student besides its folder: the distiller's adapters and template, as options of a command.
#pragma once

#include <memory>
#include <string>

#include "kernels/model/lora.hpp"

namespace CLI {
class App;
}

namespace freshet::cli {

struct line_options {
  model::lora_spec adapters;   ///< begins as the distiller's defaults
  std::string chat_template = "auto";
  line_options();
};

/// Adds --rank, --alpha, --targets, --seed, --freeze-vision and --chat-template, which write into `to`.
void add_line_options(CLI::App& command, const std::shared_ptr<line_options>& to);

}  // namespace freshet::cli
