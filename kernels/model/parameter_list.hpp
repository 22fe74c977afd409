// Name and shape of every parameter that a configuration asks for, in order. Each part lists its own,
// beside the code that computes with them.
// Thread contract: free functions without state.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/model/model_config.hpp"

namespace freshet::model {

using parameter_list = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;

void list_tensor(parameter_list& to, std::string name, std::vector<std::int64_t> shape);
/// `name`.weight [out, in] and, with `bias`, `name`.bias [out].
void list_linear(parameter_list& to, const std::string& name, std::int64_t out, std::int64_t in, bool bias);
/// `name`.weight and `name`.bias, both [width].
void list_norm(parameter_list& to, const std::string& name, std::int64_t width);

void list_vision_tower(parameter_list& to, const vision_config& config);                        // vision.cpp
void list_grid_tower(parameter_list& to, const vision_config& config);                          // grid_tower.cpp
void list_connector(parameter_list& to, const projector_config& config, const vision_config& vision,
                    std::int64_t text_width);                                                   // connector.cpp
void list_decoder(parameter_list& to, const text_config& config);                               // decoder.cpp

/// Of the whole model: tower, connector, decoder.
[[nodiscard]] parameter_list expected_parameters(const model_config& config);

}  // namespace freshet::model
