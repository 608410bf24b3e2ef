/**
 * CommonJS packages that require NestJS (nestjs-pino and others) fail in jest's ESM mode with "Cannot require() ES
 * Module in a cycle" unless NestJS is already loaded as ESM when they are reached.
 */
import 'reflect-metadata';
import '@nestjs/common';
import '@nestjs/core';
