// keeps keelson_plugins a library until its first source is here
