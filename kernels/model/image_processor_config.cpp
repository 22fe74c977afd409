// preprocessor_config.json to an image_processor_config.
#include <set>

#include "kernels/model/config_section.hpp"
#include "kernels/model/image_processor.hpp"
#include "kernels/model/strict_json.hpp"
#include "kernels/model/whole_file.hpp"

namespace freshet::model {
namespace {

using nlohmann::json;

constexpr std::size_t most_config_bytes = std::size_t{1} << 20;
constexpr std::int64_t most_asked_side = 8192;
constexpr std::int64_t most_pixels = std::int64_t{1} << 26;

struct known_kind {
  const char* name;
  processor_kind kind;
};
constexpr known_kind kinds[] = {
    {"CLIPImageProcessor", processor_kind::clip},           {"CLIPFeatureExtractor", processor_kind::clip},
    {"SiglipImageProcessor", processor_kind::siglip},       {"LlavaImageProcessor", processor_kind::llava_pad},
    {"Idefics3ImageProcessor", processor_kind::idefics3},   {"SmolVLMImageProcessor", processor_kind::idefics3},
    {"Qwen2VLImageProcessor", processor_kind::qwen2_vl},
};

// What says nothing about pixels, or what is done anyway.
const std::set<std::string>& silent_keys() {
  static const std::set<std::string> keys{"image_processor_type", "feature_extractor_type", "processor_class",
                                          "_valid_processor_keys", "do_convert_rgb", "return_tensors", "device",
                                          "disable_grouping", "default_to_square", "data_format", "input_data_format"};
  return keys;
}

class reader {
 public:
  explicit reader(const json& document) : top_(document, "", problems_), document_(document) {}

  result<image_processor_config> read(const std::string& origin) {
    std::string type = top_.word("image_processor_type", top_.word("feature_extractor_type", ""));
    const std::string said = type;
    if (type.size() > 4 && type.compare(type.size() - 4, 4, "Fast") == 0) type.resize(type.size() - 4);
    bool known = false;
    for (const known_kind& k : kinds) {
      if (type == k.name) out_.kind = k.kind, known = true;
    }
    if (!known) {
      return error{errc::unsupported, origin + ": image_processor_type = " + in_quotes(said) +
                                          ": CLIPImageProcessor, SiglipImageProcessor, LlavaImageProcessor, "
                                          "Idefics3ImageProcessor, SmolVLMImageProcessor and Qwen2VLImageProcessor are built in"};
    }
    const bool qwen = out_.kind == processor_kind::qwen2_vl;
    const bool tiles = out_.kind == processor_kind::idefics3;
    read_common();
    if (qwen) {
      read_qwen();
    } else if (tiles) {
      read_idefics();
    } else {
      read_single();
    }
    for (const auto& item : document_.items()) {
      if (used_.count(item.key()) != 0 || silent_keys().count(item.key()) != 0 || item.value().is_null()) continue;
      problems_.add(item.key(), shown(item.value()), "is not built in for " + type);
    }
    FRESHET_TRY(problems_.as_result(origin));
    return out_;
  }

 private:
  bool flag(const char* key, bool fallback) {
    used_.insert(key);
    return top_.flag(key, fallback);
  }

  std::int64_t side(const section& from, const char* key, std::int64_t fallback) {
    const std::int64_t value = from.integer(key, fallback);
    problems_.within(from.path(key), value, 1, most_asked_side);
    return value;
  }

  std::array<double, 3> colour(const char* key, std::array<double, 3> fallback, double low, double high) {
    used_.insert(key);
    const json* list = top_.find(key);
    if (list == nullptr) return fallback;
    if (!list->is_array() || list->size() != 3) {
      top_.problem(key, *list, "must be a list of three numbers");
      return fallback;
    }
    for (std::size_t i = 0; i < 3; ++i) {
      const json& item = (*list)[i];
      const std::string name = std::string(key) + "[" + std::to_string(i) + "]";
      if (!item.is_number()) {
        top_.problem(name, item, "must be a number");
        continue;
      }
      fallback[i] = item.get<double>();
      problems_.within(top_.path(name), fallback[i], low, high);
    }
    return fallback;
  }

  void read_common() {
    const bool clip = out_.kind == processor_kind::clip || out_.kind == processor_kind::llava_pad ||
                      out_.kind == processor_kind::qwen2_vl;
    constexpr std::array<double, 3> clip_mean{0.48145466, 0.4578275, 0.40821073};
    constexpr std::array<double, 3> clip_std{0.26862954, 0.26130258, 0.27577711};
    constexpr std::array<double, 3> half{0.5, 0.5, 0.5};
    out_.resize = flag("do_resize", true);
    out_.rescale = flag("do_rescale", true);
    out_.normalize = flag("do_normalize", true);
    used_.insert("rescale_factor");
    out_.rescale_factor = top_.real("rescale_factor", 1.0 / 255.0);
    problems_.within("rescale_factor", out_.rescale_factor, 1e-6, 1.0);
    out_.mean = colour("image_mean", clip ? clip_mean : half, -1e3, 1e3);
    out_.deviation = colour("image_std", clip ? clip_std : half, 1e-6, 1e3);
    used_.insert("resample");
    const std::int64_t number = top_.integer("resample", out_.kind == processor_kind::idefics3 ? 1 : 3);
    const auto filter = resample_filter_of(number);
    if (!filter) problems_.add("resample", std::to_string(number), "must be one of Pillow's filters, 0 to 5");
    out_.resample = filter.value_or(resample_filter::bicubic);
  }

  /// "size": 224, {"shortest_edge": 224} or {"height": 224, "width": 224}.
  void read_single() {
    const bool siglip = out_.kind == processor_kind::siglip;
    used_.insert("size");
    const json* size = top_.find("size");
    if (size != nullptr && size->is_number()) {
      (siglip ? out_.height : out_.shortest_edge) = side(top_, "size", 224);
      if (siglip) out_.width = out_.height;
    } else {
      const section inner = top_.inner("size");
      if (inner.has("shortest_edge") || (size == nullptr && !siglip)) {
        out_.shortest_edge = side(inner, "shortest_edge", 224);
        if (siglip) problems_.add("size.shortest_edge", std::to_string(out_.shortest_edge), "must be height and width");
      } else {
        out_.height = side(inner, "height", 224);
        out_.width = side(inner, "width", 224);
      }
    }
    out_.crop = !siglip && flag("do_center_crop", true);
    if (out_.kind == processor_kind::llava_pad && !flag("do_pad", false)) out_.kind = processor_kind::clip;
    if (siglip) return;
    used_.insert("crop_size");
    const json* crop = top_.find("crop_size");
    if (crop != nullptr && crop->is_number()) {
      out_.crop_height = out_.crop_width = side(top_, "crop_size", 224);
    } else {
      const section inner = top_.inner("crop_size");
      out_.crop_height = side(inner, "height", 224);
      out_.crop_width = side(inner, "width", 224);
    }
  }

  void read_idefics() {
    used_.insert({"size", "max_image_size"});
    out_.split = flag("do_image_splitting", true);
    flag("do_pad", true);  // pads a batch of pictures of different sizes, which ours never are
    out_.longest_edge = side(top_.inner("size"), "longest_edge", 4 * 364);
    out_.max_side = side(top_.inner("max_image_size"), "longest_edge", 364);
  }

  void read_qwen() {
    used_.insert({"size", "min_pixels", "max_pixels", "patch_size", "temporal_patch_size", "merge_size"});
    const section size = top_.inner("size");
    out_.min_pixels = top_.integer("min_pixels", size.integer("shortest_edge", 56 * 56));
    out_.max_pixels = top_.integer("max_pixels", size.integer("longest_edge", 28 * 28 * 1280));
    problems_.within("min_pixels", out_.min_pixels, 1, most_pixels);
    problems_.within("max_pixels", out_.max_pixels, out_.min_pixels, most_pixels);
    out_.patch = top_.integer("patch_size", 14);
    problems_.within("patch_size", out_.patch, 1, 256);
    out_.temporal_patch = top_.integer("temporal_patch_size", 2);
    problems_.within("temporal_patch_size", out_.temporal_patch, 1, 16);
    out_.merge = top_.integer("merge_size", 2);
    problems_.within("merge_size", out_.merge, 1, 16);
  }

  problem_list problems_;
  section top_;
  const json& document_;
  image_processor_config out_;
  std::set<std::string> used_;
};

}  // namespace

result<image_processor_config> parse_image_processor(std::string_view text, const std::string& origin) {
  FRESHET_TRY_ASSIGN(const json document, parse_json(text, origin));
  if (!document.is_object()) return error{errc::config, origin + ": must be a JSON object"};
  return reader(document).read(origin);
}

result<image_processor_config> load_image_processor(const std::filesystem::path& folder) {
  const auto path = folder / "preprocessor_config.json";
  FRESHET_TRY_ASSIGN(const std::string text, read_whole_file(path, most_config_bytes));
  return parse_image_processor(text, path.string());
}

}  // namespace freshet::model
