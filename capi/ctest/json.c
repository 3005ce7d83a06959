#include "json.h"

#include "check.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static void *need(void *memory) {
  if (memory == NULL) {
    FAIL("out of memory");
  }
  return memory;
}

/* Writes a number as sign, significant digits and the power of ten behind them. */
static size_t put_number(char *to, const char *number, size_t len) {
  char *digits = need(malloc(len + 1));
  size_t count = 0, i = 0;
  long power = 0;
  int negative = number[0] == '-', fraction = 0;
  for (i = (size_t)negative; i < len && number[i] != 'e' && number[i] != 'E'; i++) {
    if (number[i] == '.') {
      fraction = 1;
      continue;
    }
    power -= fraction;
    if (count > 0 || number[i] != '0') {
      digits[count++] = number[i];
    }
  }
  if (i < len) {
    power += strtol(number + i + 1, NULL, 10);
  }
  while (count > 0 && digits[count - 1] == '0') {
    count--;
    power++;
  }
  if (count == 0) {
    digits[count++] = '0';
    negative = 0;
    power = 0;
  }
  int written = sprintf(to, "\"\\u0001%s%.*s", negative ? "-" : "", (int)count, digits);
  if (power != 0) {
    written += sprintf(to + written, "e%ld", power);
  }
  written += sprintf(to + written, "\"");
  free(digits);
  return (size_t)written;
}

/* If members have the same name, the last one counts. */
static void drop_duplicates(cJSON *value) {
  for (cJSON *child = value->child, *next; child != NULL; child = next) {
    next = child->next;
    int replaced = 0;
    for (const cJSON *later = next; cJSON_IsObject(value) && later != NULL && !replaced;
         later = later->next) {
      replaced = strcmp(child->string, later->string) == 0;
    }
    if (replaced) {
      cJSON_Delete(cJSON_DetachItemViaPointer(value, child));
    } else {
      drop_duplicates(child);
    }
  }
}

cJSON *json_parse(const char *text, size_t len) {
  char *quoted = need(malloc(len * 32 + 1));
  size_t to = 0;
  for (size_t i = 0; i < len;) {
    if (text[i] == '"') {
      size_t end = i + 1;
      while (end < len && text[end] != '"') {
        end += text[end] == '\\' ? 2 : 1;
      }
      end = end < len ? end + 1 : len;
      memcpy(quoted + to, text + i, end - i);
      to += end - i;
      i = end;
    } else if (text[i] == '-' || (text[i] >= '0' && text[i] <= '9')) {
      size_t end = i;
      while (end < len && strchr("+-.eE0123456789", text[end]) != NULL && text[end] != '\0') {
        end++;
      }
      to += put_number(quoted + to, text + i, end - i);
      i = end;
    } else {
      quoted[to++] = text[i++];
    }
  }
  quoted[to] = '\0';
  cJSON *value = cJSON_Parse(quoted);
  free(quoted);
  if (value == NULL) {
    FAIL("no JSON: %.*s", (int)(len < 300 ? len : 300), text);
  }
  drop_duplicates(value);
  return value;
}

char *json_text(const cJSON *value) {
  char *printed = need(cJSON_PrintUnformatted(value)),
       *text = need(malloc(strlen(printed) * 8 + 1));
  size_t to = 0;
  const char *from = printed;
  while (*from != '\0') {
    if (strncmp(from, "\"\\u0001", 7) == 0) {
      for (from += 7; *from != '"' && *from != 'e'; from++) {
        text[to++] = *from;
      }
      /* Sequence numbers are not spelled with an exponent, so small ones are written out. */
      long power = *from == 'e' ? strtol(from + 1, NULL, 10) : 0;
      if (power > 0 && power < 20) {
        memset(text + to, '0', (size_t)power);
        to += (size_t)power;
      } else if (power != 0) {
        to += (size_t)sprintf(text + to, "e%ld", power);
      }
      from = strchr(from, '"') + 1;
    } else if (*from == '"') {
      do {
        if (*from == '\\') {
          text[to++] = *from++;
        }
        text[to++] = *from++;
      } while (*from != '"');
      text[to++] = *from++;
    } else {
      text[to++] = *from++;
    }
  }
  text[to] = '\0';
  cJSON_free(printed);
  return text;
}

static int fields_in(const cJSON *a, const cJSON *b) {
  const cJSON *field;
  cJSON_ArrayForEach(field, a) {
    const cJSON *other = cJSON_GetObjectItemCaseSensitive(b, field->string);
    if (other == NULL ? !cJSON_IsNull(field) : !json_equal(field, other)) {
      return 0;
    }
  }
  return 1;
}

int json_equal(const cJSON *a, const cJSON *b) {
  if ((a->type & 0xff) != (b->type & 0xff)) {
    return 0;
  }
  if (cJSON_IsString(a)) {
    return strcmp(a->valuestring, b->valuestring) == 0;
  }
  if (cJSON_IsObject(a)) {
    return fields_in(a, b) && fields_in(b, a);
  }
  if (cJSON_IsArray(a)) {
    const cJSON *x = a->child, *y = b->child;
    while (x != NULL && y != NULL && json_equal(x, y)) {
      x = x->next;
      y = y->next;
    }
    return x == NULL && y == NULL;
  }
  return 1;
}

uint64_t json_integer(const cJSON *object, const char *field) {
  const char *text = json_string(object, field);
  if (text == NULL || text[0] != EXACT_NUMBER) {
    FAIL("%s is no number", field);
  }
  char *end;
  uint64_t number = strtoull(text + 1, &end, 10);
  for (long zeros = *end == 'e' ? strtol(end + 1, NULL, 10) : 0; zeros > 0; zeros--) {
    number *= 10;
  }
  return number;
}

const char *json_string(const cJSON *object, const char *field) {
  return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, field));
}

char *read_file(const char *path, size_t *len) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    FAIL("%s cannot be read", path);
  }
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  char *text = need(malloc((size_t)size + 1));
  *len = fread(text, 1, (size_t)size, file);
  text[*len] = '\0';
  fclose(file);
  return text;
}

static int is_json(const struct dirent *entry) {
  size_t len = strlen(entry->d_name);
  return len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0;
}

void each_json_file(const char *folder, void (*visit)(const char *path)) {
  struct dirent **entries;
  int count = scandir(folder, &entries, is_json, alphasort);
  if (count <= 0) {
    FAIL("%s holds no JSON file", folder);
  }
  for (int i = 0; i < count; i++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
    free(entries[i]);
    visit(path);
  }
  free(entries);
}

static int base64_digit(char c) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *found = c == '\0' ? NULL : strchr(digits, c);
  return found == NULL ? -1 : (int)(found - digits);
}

static char *decode_base64(const char *text, size_t *len) {
  char *bytes = need(malloc(strlen(text) + 1));
  unsigned bits = 0, held = 0;
  *len = 0;
  for (; base64_digit(*text) >= 0; text++) {
    bits = bits << 6 | (unsigned)base64_digit(*text);
    if ((held += 6) >= 8) {
      held -= 8;
      bytes[(*len)++] = (char)(bits >> held & 0xff);
    }
  }
  return bytes;
}

char *wire_text(const cJSON *value, size_t *len) {
  if (cJSON_IsString(value)) {
    *len = strlen(value->valuestring);
    return memcpy(need(malloc(*len + 1)), value->valuestring, *len + 1);
  }
  const char *base64 = json_string(value, "base64");
  if (base64 != NULL) {
    return decode_base64(base64, len);
  }
  const cJSON *parts = cJSON_GetObjectItemCaseSensitive(value, "concat"), *part;
  char *text = need(malloc(1));
  *len = 0;
  if (parts != NULL) {
    cJSON_ArrayForEach(part, parts) {
      size_t more;
      char *piece = wire_text(part, &more);
      text = need(realloc(text, *len + more + 1));
      memcpy(text + *len, piece, more);
      *len += more;
      free(piece);
    }
    return text;
  }
  const char *repeat = json_string(value, "repeat");
  CHECK(repeat != NULL);
  size_t unit = strlen(repeat);
  uint64_t times = json_integer(value, "times");
  text = need(realloc(text, unit * times + 1));
  for (uint64_t i = 0; i < times; i++) {
    memcpy(text + *len, repeat, unit);
    *len += unit;
  }
  return text;
}
